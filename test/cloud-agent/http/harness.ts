/** An API over a fresh store in memory, with a clock and random bytes that tests hold in their hands. */

import { withHistory } from "../../../cloud-agent/history.ts";
import { hashToken } from "../../../cloud-agent/http/auth.ts";
import type { Api, ApiDeps } from "../../../cloud-agent/http/deps.ts";
import type { Role } from "../../../cloud-agent/http/roles.ts";
import { buildServer } from "../../../cloud-agent/http/server.ts";
import { LabOffers } from "../../../cloud-agent/offers.ts";
import { createMetrics } from "../../../cloud-agent/platform/metrics.ts";
import type { Store } from "../../../cloud-agent/storage/store.ts";
import { openTestStore } from "../../support/stores.ts";

export const startMs = 1_800_000_000_000;

export interface Harness {
  app: Api;
  store: Store;
  lab: LabOffers;
  clock: { now: number };
  nudged: string[];
  logged: unknown[];
  config: { lab: boolean; checkInS: number; releaseGate: "full" | "open"; approvalsMin?: number };
  releaseKeys: { files: Uint8Array[] };
  /** none by default: published payloads go into the database */
  payloads: ApiDeps["payloads"];
  ready: { now: boolean };
  hooks: ApiDeps["hooks"];
  reconcile: ApiDeps["reconcile"];
  call(method: string, url: string, body?: unknown, role?: Role): Promise<Reply>;
  close(): Promise<void>;
}

export interface Reply {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: a reply's shape is what the test is about
  body: any;
  headers: Record<string, unknown>;
}

const roles = ["viewer", "operator", "releaser", "approver", "line", "installer", "admin"];
const state = {} as Omit<Harness, "app" | "call" | "close">;
let random = 0;
let shared: Promise<Api> | null = null;

/** One server for a test file, because its schemas take longest; everything it stands on is fresh for each test.
 *  Tokens are their role's name and "-token"; the person is called after the role. */
export async function harness(): Promise<Harness> {
  random = 0;
  Object.assign(state, {
    store: withHistory(await openTestStore(), {
      nowMs: () => state.clock.now,
    }),
    clock: { now: startMs },
    nudged: [],
    logged: [],
    config: { lab: false, checkInS: 60, releaseGate: "open" },
    releaseKeys: { files: [] },
    payloads: {
      hasOrigin: false,
      put: () => Promise.reject(new Error("no origin")),
      load: () => Promise.reject(new Error("no origin")),
      linkKey: new Uint8Array(32).fill(0x6b),
      deviceKey: () => null,
    },
    ready: { now: true },
    hooks: { plan: () => [], run: async () => undefined },
    reconcile: { run: () => Promise.reject(new Error("no reconciler")) },
  });
  state.lab ??= new LabOffers();
  await state.store.tx(async (tx) => {
    for (const role of roles) {
      const hash = hashToken(`${role}-token`);
      await tx.putToken({ id: role, hash, role: role as Role, name: role, expiresMs: null });
    }
  });
  shared ??= buildServer(deps());
  const app = await shared;
  const { store } = state;
  return { ...state, app, call: (...request) => call(app, ...request), close: () => store.close() };
}

function deps(): ApiDeps {
  const record = (fields: unknown) => void state.logged.push(fields);
  return {
    store: {
      tx: (fn) => state.store.tx(fn),
      onEvents: (listener) => state.store.onEvents(listener),
      close: () => state.store.close(),
    },
    lab: state.lab,
    get payloads() {
      return state.payloads;
    },
    get config() {
      return state.config;
    },
    clock: { nowMs: () => state.clock.now },
    steadyMs: () => state.clock.now,
    random: { bytes: (length) => new Uint8Array(length).fill(++random) },
    log: { debug: record, info: record, warn: record, error: record },
    releaseKeyFiles: () => state.releaseKeys.files,
    outputs: ["ops", "mail"],
    outputsAbout: (topic) => (topic === "billing" ? ["ops", "books"] : ["ops"]),
    reconcile: { run: (by) => state.reconcile.run(by) },
    hooks: { plan: (event) => state.hooks.plan(event), run: (id) => state.hooks.run(id) },
    certificatePublicKey: "ab".repeat(32),
    metrics: createMetrics(),
    nudge: (serial) => void state.nudged.push(serial),
    isReady: () => state.ready.now,
    every: () => () => undefined,
  };
}

async function call(
  app: Api,
  method: string,
  url: string,
  body?: unknown,
  role: Role = "admin",
): Promise<Reply> {
  const reply = await app.inject({
    method: method as "GET",
    url,
    headers: { authorization: `Bearer ${role}-token` },
    ...(body === undefined ? {} : { payload: body as object }),
  });
  const text = reply.payload;
  const isJson = /^application\/(problem\+)?json/.test(String(reply.headers["content-type"]));
  return {
    status: reply.statusCode,
    body: text === "" ? null : isJson ? JSON.parse(text) : text,
    headers: reply.headers,
  };
}

/** The whole problem document of a code. */
export function problem(
  code: number,
  name: string,
  status: number,
  detail: unknown,
  next: unknown,
) {
  const title = name.replace(/(?!^)([A-Z])/g, (letter) => ` ${letter.toLowerCase()}`);
  return { type: `urn:fleetling:problem:${name}`, title, status, detail, code, name, next };
}
