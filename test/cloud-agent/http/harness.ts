/** An API over a fresh store in memory, with a clock and random bytes that tests hold in their hands. */
import { hashToken } from "../../../cloud-agent/http/auth.ts";
import type { Api, ApiDeps } from "../../../cloud-agent/http/deps.ts";
import type { Role } from "../../../cloud-agent/http/roles.ts";
import { buildServer } from "../../../cloud-agent/http/server.ts";
import { LabOffers } from "../../../cloud-agent/offers.ts";
import { openSqliteStore } from "../../../cloud-agent/storage/sqlite.ts";
import type { Store } from "../../../cloud-agent/storage/store.ts";

export const startMs = 1_800_000_000_000;

export interface Harness {
  app: Api;
  store: Store;
  lab: LabOffers;
  clock: { now: number };
  nudged: string[];
  logged: unknown[];
  config: { lab: boolean; checkInS: number };
  releaseKeys: { files: Uint8Array[] };
  ready: { now: boolean };
  call(method: string, url: string, body?: unknown, role?: Role): Promise<Reply>;
  close(): Promise<void>;
}

export interface Reply {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: a reply's shape is what the test is about
  body: any;
  headers: Record<string, unknown>;
}

/** Tokens are their role's name and "-token"; the person is called after the role. */
export async function harness(): Promise<Harness> {
  const store = await openSqliteStore({ path: ":memory:", durability: "normal" });
  const clock = { now: startMs };
  const nudged: string[] = [];
  const logged: unknown[] = [];
  const config = { lab: false, checkInS: 60 };
  const releaseKeys = { files: [] as Uint8Array[] };
  const ready = { now: true };
  const lab = new LabOffers();
  let count = 0;
  const record = (fields: unknown) => void logged.push(fields);
  const deps: ApiDeps = {
    ...{ store, lab, config },
    clock: { nowMs: () => clock.now },
    random: { bytes: (length) => new Uint8Array(length).fill(++count) },
    log: { debug: record, info: record, warn: record, error: record },
    releaseKeyFiles: () => releaseKeys.files,
    nudge: (serial) => void nudged.push(serial),
    isReady: () => ready.now,
    every: () => () => undefined,
  };
  await store.tx(async (tx) => {
    for (const role of [
      "viewer",
      "operator",
      "releaser",
      "approver",
      "line",
      "installer",
      "admin",
    ]) {
      const hash = hashToken(`${role}-token`);
      await tx.putToken({ id: role, hash, role: role as Role, name: role, expiresMs: null });
    }
  });
  const app = await buildServer(deps);
  return {
    ...{ app, store, lab, clock, nudged, logged, config, releaseKeys, ready },
    async call(method, url, body, role = "admin") {
      const reply = await app.inject({
        method: method as "GET",
        url,
        headers: { authorization: `Bearer ${role}-token` },
        ...(body === undefined ? {} : { payload: body as object }),
      });
      const text = reply.payload;
      return {
        status: reply.statusCode,
        body: text === "" ? null : JSON.parse(text),
        headers: reply.headers,
      };
    },
    async close() {
      await app.close();
      await store.close();
    },
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
