/** An API with hooks that are called over real HTTP, in virtual time. */
import {
  type HookSettings,
  hooksFor,
  parseHooks,
} from "../../../cloud-agent/core/provisioning/settings.ts";
import { createHookCaller, type Hook, type HookCaller } from "../../../cloud-agent/outputs/hook.ts";
import { createProvisioner, type Provisioner } from "../../../cloud-agent/provisioner.ts";
import { type HttpReceiver, openHttpReceiver, type Received } from "../../support/httpReceiver.ts";
import { code, deviceRecord } from "../fixtures.ts";
import { type Harness, harness, type Reply } from "../http/harness.ts";

export const serial = "SN-0001";
export const secret = "a-secret-of-this-hook";
export const allEvents = ["claim", "transfer", "decommission"];

export type HookInput = { name: string } & Partial<HookSettings>;

export interface World {
  api: Harness;
  receiver: HttpReceiver;
  /** status and body per path; what is not named answers 200 */
  answers: Record<string, { status: number; body?: string } | "none">;
  provisioner: Provisioner;
  /** calls as "shop do", in the order in which they came */
  calls(): string[];
  keys(path: string): (string | undefined)[];
  claim(changes?: object): Promise<Reply>;
  decommission(mode?: string): Promise<Reply>;
  view(): Promise<Reply["body"]>;
  sagas(query?: string): Promise<Reply["body"][]>;
  /** lets time pass and has what is due called */
  later(ms: number): Promise<void>;
  close(): Promise<void>;
}

export const shop = { name: "shop", compensate: true };
export const law = { name: "law", mayVeto: true };
export const map = { name: "map", compensate: true };

export function hooksAt(url: string, hooks: HookInput[]): Hook[] {
  const filled = hooks.map((one) => ({
    ...{ url: url.replace("/hook", `/${one.name}`), secret, on: allEvents, timeoutS: 30 },
    ...one,
  }));
  return parseHooks({ hooks: filled }).map((hook) => ({ ...hook, secret }));
}

/** @param wrap changes how calls are made */
export async function openWorld(
  hooks: HookInput[],
  wrap = (caller: HookCaller) => caller,
): Promise<World> {
  const api = await harness();
  const receiver = await openHttpReceiver();
  const all = hooksAt(receiver.url, hooks);
  const clock = { nowMs: () => api.clock.now };
  const log = (fields: unknown) => void api.logged.push(fields);
  const provisioner = createProvisioner({
    ...{ store: api.store, clock, steadyMs: clock.nowMs, outputs: ["books"] },
    random: { bytes: (count) => new Uint8Array(count).fill(9) },
    log: { debug: log, info: log, warn: log, error: log },
    caller: wrap(createHookCaller(all, clock)),
    nudge: (one) => void api.nudged.push(one),
  });
  api.hooks.plan = (event) => hooksFor(all, event);
  api.hooks.run = (id) => provisioner.run(id);
  await api.store.tx((tx) => tx.putDevice(deviceRecord(serial)));
  const world: World = {
    ...{ api, receiver, provisioner, answers: {} },
    calls: () =>
      receiver.received.map((got) => `${got.path.slice(1)} ${JSON.parse(got.body).action}`),
    keys: (path) =>
      receiver.received
        .filter((got) => got.path === path)
        .map((got) => got.headers["idempotency-key"]),
    claim: (changes = {}) =>
      api.call("POST", "/v1/claims", { serial, code, account: "acme", ...changes }, "installer"),
    decommission: (mode = "resale") =>
      api.call("POST", `/v1/devices/${serial}/decommission`, { mode, person: "ann" }),
    view: async () => (await api.call("GET", `/v1/devices/${serial}`)).body,
    sagas: async (query = "") =>
      (await api.call("GET", `/v1/provisionings${query}`)).body.provisionings,
    async later(ms) {
      api.clock.now += ms;
      await provisioner.turn();
    },
    async close() {
      provisioner.stop();
      await receiver.close();
      await api.close();
    },
  };
  receiver.answer = ({ path }: Received) => world.answers[path] ?? { status: 200 };
  return world;
}
