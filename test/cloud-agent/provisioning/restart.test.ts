/** Agents that end in the middle of their calls, and devices whose claim is held meanwhile. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Agent, createAgent } from "../../../cloud-agent/agent.ts";
import { openClaim } from "../../../cloud-agent/core/claims.ts";
import type { Saga } from "../../../cloud-agent/core/provisioning/saga.ts";
import { hooksFor, parseHooks } from "../../../cloud-agent/core/provisioning/settings.ts";
import { endedSagas } from "../../../cloud-agent/core/provisioning/store.ts";
import { createHookCaller, type HookCaller } from "../../../cloud-agent/outputs/hook.ts";
import { systemClock } from "../../../cloud-agent/platform/clock.ts";
import { parseConfig } from "../../../cloud-agent/platform/config.ts";
import { readHooks } from "../../../cloud-agent/platform/hookSettings.ts";
import { createLog } from "../../../cloud-agent/platform/log.ts";
import { systemRandom } from "../../../cloud-agent/platform/random.ts";
import { createProvisioner } from "../../../cloud-agent/provisioner.ts";
import { openSqliteStore } from "../../../cloud-agent/storage/sqlite.ts";
import type { Store } from "../../../cloud-agent/storage/store.ts";
import { kinds, openDeviceBench } from "../../support/deviceBench.ts";
import { type HttpReceiver, openHttpReceiver } from "../../support/httpReceiver.ts";
import { birthRecord, code, deviceRecord } from "../fixtures.ts";
import { allEvents, hooksAt, law, map, secret, serial, shop } from "./world.ts";

const startMs = 1_800_000_000_000;
let data: string;
let receiver: HttpReceiver;
beforeEach(async () => {
  data = mkdtempSync(join(tmpdir(), "fleetling-hooks-"));
  receiver = await openHttpReceiver();
});
afterEach(async () => {
  await receiver.close();
  rmSync(data, { recursive: true });
});

const quiet = () => undefined;
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
const random = { bytes: (count: number) => new Uint8Array(count).fill(5) };
const clock = { nowMs: () => startMs };
const keys = () => receiver.received.map(({ headers: h }) => h["idempotency-key"]!);

/** An agent's part that calls hooks, over a file. */
async function open(wrap = (caller: HookCaller) => caller) {
  const store = await openSqliteStore({ path: join(data, "fleet.db"), durability: "normal" });
  const hooks = hooksAt(receiver.url, [shop, { ...law, compensate: true }, map]);
  const provisioner = createProvisioner({
    ...{ store, clock, random, log, steadyMs: clock.nowMs, outputs: [], nudge: quiet },
    caller: wrap(createHookCaller(hooks, clock)),
  });
  return { store, provisioner, plan: hooksFor(hooks, "claim") };
}
async function claim(store: Store, plan: ReturnType<typeof hooksFor>): Promise<string> {
  const request = { serial, code, account: "acme", person: "ann" };
  const edge = { random, nowMs: startMs, hooks: () => plan };
  const held = await store.tx(async (tx) => {
    await tx.putDevice(deviceRecord(serial));
    return openClaim(tx, request, edge);
  });
  if (held instanceof Error) throw held;
  return held.provisioning!;
}
const ended = (store: Store): Promise<Saga | null> =>
  store.tx((tx) => tx.documents.get(endedSagas, "05".repeat(8)));

describe("an agent that ends between a call and its note", () => {
  const told = ["shop", "law", "map"].map((hook) => `claim-${"05".repeat(8)}-${hook}`);
  it.each([0, 1, 2])("goes on at call %i, with its key, and opens the claim", async (dies) => {
    let made = 0;
    const first = await open((caller) => ({
      async call(...args) {
        const answer = await caller.call(...args);
        if (made++ === dies) throw new Error("killed");
        return answer;
      },
    }));
    const id = await claim(first.store, first.plan);
    await first.provisioner.run(id);
    await first.store.close();
    expect(keys()).toEqual(told.slice(0, dies + 1));
    const second = await open();
    await second.provisioner.turn();
    expect(keys()).toEqual([...told.slice(0, dies + 1), ...told.slice(dies)]);
    expect(await ended(second.store)).toMatchObject({ state: "passed" });
    const device = await second.store.tx((tx) => tx.device(serial));
    expect(device).toMatchObject({ lifecycle: 2, claimIntentUntilMs: startMs + 900_000 });
    await second.store.close();
  });
  it.each([0, 1])("goes on taking back at call %i, with its key", async (dies) => {
    receiver.answer = ({ path }) => ({ status: path === "/map" ? 422 : 200 });
    let made = 0;
    const first = await open((caller) => ({
      async call(saga, call, signal) {
        const answer = await caller.call(saga, call, signal);
        if (call.action === "compensate" && made++ === dies) throw new Error("killed");
        return answer;
      },
    }));
    const id = await claim(first.store, first.plan);
    await first.provisioner.run(id);
    await first.store.close();
    const undo = [`${told[1]}-compensate`, `${told[0]}-compensate`];
    const second = await open();
    await second.provisioner.turn();
    expect(keys()).toEqual([...told, ...undo.slice(0, dies + 1), ...undo.slice(dies)]);
    expect(await ended(second.store)).toMatchObject({ state: "refused" });
    expect(await second.store.tx((tx) => tx.device(serial))).toMatchObject({ lifecycle: 1 });
    await second.store.close();
  });
});

describe("a device whose claim is held", () => {
  it("is given no key until other systems have passed, and then without being claimed again", async () => {
    const bench = await openDeviceBench();
    const { store } = bench.ports;
    const device = await bench.device(serial);
    const hooks = hooksAt(receiver.url, [shop]);
    const steadyMs = () => bench.nowMs;
    const provisioner = createProvisioner({
      ...{ store, random, log, steadyMs, outputs: [], nudge: quiet },
      ...{ clock: bench.ports.clock, caller: createHookCaller(hooks, bench.ports.clock) },
    });
    const request = { serial, code, account: "acme", person: "ann" };
    const plan = () => hooksFor(hooks, "claim");
    const edge = { random, nowMs: bench.nowMs, hooks: plan };
    await store.tx((tx) => openClaim(tx, request, edge));
    expect(kinds(await bench.shakeHands(device))).toEqual(["reply"]);
    expect(await bench.record(serial)).toMatchObject({ lifecycle: 2, grantPending: false });
    await provisioner.turn();
    expect(kinds(await bench.shakeHands(device))).toEqual(["reply", "grant"]);
  });
});

describe("a whole agent", () => {
  const adminToken = "an-administrators-token";
  let agent: Agent;
  let child: ChildProcess;
  let hooks = "";
  beforeEach(() => {
    const url = (path: string) => receiver.url.replace("/hook", path);
    const secretFile = join(data, "secret");
    writeFileSync(secretFile, `${secret}\n`);
    const both = [
      { name: "fast", url: url("/fast"), secretFile, on: allEvents },
      { name: "slow", url: url("/slow"), secret, on: allEvents, timeoutS: 30 },
    ];
    hooks = join(data, "hooks.json");
    writeFileSync(hooks, JSON.stringify({ hooks: both }));
  });
  afterEach(async () => {
    child.kill("SIGKILL");
    await agent?.stop();
  });
  const start = async () => {
    const given = { data, hooks, httpPort: 0, mqttPort: 0, mqttHost: "127.0.0.1" };
    const fast = { durability: "normal" as const, logLevel: "silent" as const, tickMs: 20 };
    agent = createAgent(parseConfig({ ...given, ...fast, adminToken }), {
      ...{ clock: systemClock, random: systemRandom, log: createLog("silent") },
      showAdminToken: quiet,
    });
    await agent.start();
  };
  const post = (url: string, path: string, body: object) =>
    fetch(url + path, {
      method: "POST",
      headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  it("that is killed, and then stopped, while a hook does not answer calls it again under its key", async () => {
    receiver.answer = ({ path }) => (path === "/slow" ? "none" : { status: 200 });
    const env = {
      ...{ PATH: process.env.PATH, FLEETLING_DATA: data, FLEETLING_ADMIN_TOKEN: adminToken },
      ...{ FLEETLING_HTTP_PORT: "0", FLEETLING_MQTT_PORT: "0", FLEETLING_MQTT_HOST: "127.0.0.1" },
      FLEETLING_HOOKS: hooks,
    };
    child = spawn(process.execPath, ["--import", "tsx", "cloud-agent/main.ts"], { env });
    let text = "";
    for await (const part of child.stdout!) {
      text += part;
      if (text.includes('"msg":"agent runs"')) break;
    }
    const url = /"httpUrl":"([^"]+)"/.exec(text)![1]!;
    await post(url, "/v1/births", birthRecord(serial));
    const asked = post(url, "/v1/claims", { serial, code, account: "acme" });
    const failed = expect(asked).rejects.toThrow();
    await until(() => receiver.received.length === 2);
    child.kill("SIGKILL");
    await failed;

    await start();
    await until(() => receiver.received.length === 3);
    const stoppedMs = Date.now();
    await agent.stop();
    expect(Date.now() - stoppedMs).toBeLessThan(10_000);

    receiver.answer = null;
    await start();
    const device = () => agent.store.tx((tx) => tx.device(serial));
    await until(async () => (await device())!.provisioning === null);
    const [fast, ...slow] = keys();
    expect([fast!.slice(-5), slow.length, new Set(slow).size]).toEqual(["-fast", 3, 1]);
    expect((await device())!.claimIntentUntilMs).toBeGreaterThan(Date.now());
  }, 60_000);
});

describe("the hooks file", () => {
  const hook = { name: "crm", url: "https://crm.example.org/", secret, on: ["claim"] };
  it("that is left out names none, and fills in what a hook leaves out", () => {
    expect(readHooks(undefined)).toEqual([]);
    expect(parseHooks({ hooks: [hook] })).toEqual([
      { ...hook, timeoutS: 10, giveUpS: 60, mayVeto: false, compensate: false },
    ]);
  });
  it.each<[string, unknown, string]>([
    ["no list", {}, "hooks"],
    ["an unknown field", { hooks: [{ ...hook, veto: true }] }, "veto"],
    ["an unknown event", { hooks: [{ ...hook, on: ["unclaim"] }] }, "on"],
    ["no event", { hooks: [{ ...hook, on: [] }] }, "on"],
    ["another scheme", { hooks: [{ ...hook, url: "file:///etc/passwd" }] }, "url"],
    ["a short secret", { hooks: [{ ...hook, secret: "short" }] }, "secret"],
    ["no secret", { hooks: [{ ...hook, secret: undefined }] }, "found 0"],
    ["two secrets", { hooks: [{ ...hook, secretFile: "x" }] }, "found 2"],
    ["one name twice", { hooks: [hook, hook] }, "found crm twice"],
    ["a time that no person waits", { hooks: [{ ...hook, timeoutS: 31 }] }, "timeoutS"],
    [
      "eleven hooks",
      { hooks: Array.from({ length: 11 }, (_, n) => ({ ...hook, name: `h${n}` })) },
      "hooks",
    ],
  ])("with %s is refused", (_, file, named) => {
    expect(() => parseHooks(file)).toThrow(
      expect.objectContaining({ name: "HooksInvalid", message: expect.stringContaining(named) }),
    );
  });
  it("that is no JSON, or names a secret that is not there, is refused", () => {
    const file = join(data, "hooks.json");
    writeFileSync(file, "{");
    expect(() => readHooks(file)).toThrow(/hooks .*: expected a JSON file/);
    const { secret: _, ...open } = hook;
    writeFileSync(file, JSON.stringify({ hooks: [{ ...open, secretFile: join(data, "none") }] }));
    expect(() => readHooks(file)).toThrow(/hook crm: expected a secret in/);
  });
});
