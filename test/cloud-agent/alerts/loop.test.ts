/** The alert loop over a real store, with the sender and a real receiver behind it; every look by a new loop, as after a
 *  restart. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createAlertLoop } from "../../../cloud-agent/alertLoop.ts";
import { lookPauseMs } from "../../../cloud-agent/core/alerts/limits.ts";
import { parseAlertSettings } from "../../../cloud-agent/core/alerts/settings.ts";
import { enqueue } from "../../../cloud-agent/core/outbox/outbox.ts";
import { signatureHolds } from "../../../cloud-agent/core/outbox/sign.ts";
import type { DeviceRecord } from "../../../cloud-agent/core/records.ts";
import { rollUpNext } from "../../../cloud-agent/core/vitals/roll.ts";
import { spanMs } from "../../../cloud-agent/core/vitals/spans.ts";
import { createSender } from "../../../cloud-agent/outputs/sender.ts";
import { createOutputs } from "../../../cloud-agent/platform/alertSettings.ts";
import { Lifecycle } from "../../../firmware/protocol/messages.ts";
import { type HttpReceiver, openHttpReceiver } from "../../support/httpReceiver.ts";
import { openSmtpServer, type SmtpServer } from "../../support/smtpServer.ts";
import { birthRecord, deviceRecord, rolloutRecord } from "../fixtures.ts";
import { type Harness, harness, problem } from "../http/harness.ts";

const secret = "a-secret-of-this-output";
const minuteMs = 60_000;
let api: Harness;
let receiver: HttpReceiver;
let smtp: SmtpServer;
let gateways: string[];
let host: { lagMs: number; freeBytes: number; sizeBytes: number };
let steadyAheadMs: number;

beforeEach(async () => {
  [api, receiver, smtp] = [await harness(), await openHttpReceiver(), await openSmtpServer()];
  gateways = [];
  host = { lagMs: 5, freeBytes: 5e10, sizeBytes: 1e11 };
  steadyAheadMs = 0;
});
afterEach(async () => {
  await receiver.close();
  await smtp.close();
  await api.close();
});

const settings = (changes = {}) =>
  parseAlertSettings({
    outputs: [
      { kind: "webhook", name: "ops", url: receiver.url, secret },
      ...[
        { kind: "email", name: "mail", host: "127.0.0.1", port: smtp.port, security: "none" },
      ].map((one) => ({
        ...one,
        from: "f@example.org",
        to: ["a@example.org"],
        severity: "critical",
      })),
    ],
    ...changes,
  });
const parts = () => {
  const note = (fields: unknown) => void api.logged.push(fields);
  const log = { debug: note, info: note, warn: note, error: note };
  const clock = { nowMs: () => api.clock.now };
  const random = { bytes: (count: number) => crypto.getRandomValues(new Uint8Array(count)) };
  return { store: api.store, clock, random, log, steadyMs: () => api.clock.now + steadyAheadMs };
};
const loopOf = (changes = {}) =>
  createAlertLoop({
    ...parts(),
    ...{ settings: settings(changes), gateways: () => gateways, host: () => host },
  });
/** Looks, sends, and starts the agent anew before the next look. */
async function pass(ms: number, stepMs = minuteMs, changes = {}): Promise<void> {
  for (const endMs = api.clock.now + ms; api.clock.now < endMs; ) {
    api.clock.now += stepMs;
    await loopOf(changes).turn();
    const outputs = createOutputs(settings(changes).outputs, parts());
    await createSender({ ...parts(), outputs }).turn();
  }
}
const put = (...devices: DeviceRecord[]) =>
  api.store.tx(async (tx) => {
    for (const device of devices) await tx.putDevice(device);
  });
const away = (serial: string, changes: Partial<DeviceRecord> = {}) => {
  const nowMs = api.clock.now;
  const times = { heardMs: nowMs, promisedMs: 60_000, dueMs: nowMs, sinceMs: nowMs };
  const presence = { ...times, isOffline: true };
  return deviceRecord(serial, {
    ...{ lifecycle: Lifecycle.Operating, lastSeenMs: nowMs, runningSequence: 7, presence },
    ...changes,
  });
};
const back = (device: DeviceRecord): DeviceRecord => ({
  ...device,
  presence: { ...device.presence!, isOffline: false, dueMs: Number.MAX_SAFE_INTEGER },
});
const open = async () => (await api.call("GET", "/v1/alerts")).body.alerts;
const rules = async () => (await open()).map((one: { rule: string }) => one.rule).sort();
const sent = () => receiver.received.map(({ body }) => JSON.parse(body));

describe("a device that is offline", () => {
  it("is told once over restarts, signed, with its playbook, and its return once", async () => {
    const device = away("SN-1");
    await put(device);
    await pass(30 * minuteMs);
    expect(sent()).toHaveLength(1);
    const [fired] = sent();
    expect(signatureHolds(secret, receiver.received[0]!, api.clock.now - 23 * minuteMs)).toBe(true);
    expect(fired).toMatchObject({
      kind: "alert.fired",
      subject:
        "[warning] SN-1 is offline: it promised to come within 1 minute, last contact 2027-01-15T08:00:00Z.",
      alert: { rule: "offline", cause: { kind: "device", name: "SN-1" }, count: 1 },
    });
    expect(fired.playbook[1]).toEqual({
      ...{ id: "vitals", text: "Look at the battery before the silence.", done: null },
      run: "fleetling vitals show SN-1 batteryMv --days 7",
    });
    await put(back(device));
    await pass(10 * minuteMs);
    expect(sent().map(({ kind }) => kind)).toEqual(["alert.fired", "alert.resolved"]);
    expect(await open()).toEqual([]);
    const events = await api.call("GET", "/v1/events?limit=10");
    expect(events.body.events.map((one: { kind: string }) => one.kind)).toEqual([
      ...["alertFired", "alertEnded"],
    ]);
    // A warning is not for the mail that takes critical ones alone.
    expect(smtp.mails).toEqual([]);
  });
  it("is not told under maintenance, nor where the rule is off", async () => {
    await put(away("SN-1", { lifecycle: Lifecycle.Maintenance }));
    await pass(10 * minuteMs);
    await put(away("SN-2"));
    await pass(10 * minuteMs, minuteMs, { rules: { offline: { on: false } } });
    expect([await open(), sent()]).toEqual([[], []]);
  });
  it("is one alert with the others of its site, by the fleet's counts", async () => {
    for (let n = 0; n < 5; n++) await put(away(`SN-${n}`, { site: "attic" }));
    for (let n = 5; n < 9; n++) await put(back(away(`SN-${n}`, { site: "attic" })));
    for (let n = 10; n < 40; n++) await put(back(away(`SN-${n}`)));
    await pass(10 * minuteMs);
    expect((await open()).map((one: { text: string }) => one.text)).toEqual([
      "5 of 9 devices of site attic are offline: SN-0, SN-1, SN-2, SN-3, SN-4.",
    ]);
  });
});

describe("a gateway", () => {
  it("that was connected and is gone is told by webhook and mail, and its devices are not", async () => {
    gateways = ["roof"];
    await pass(2 * minuteMs);
    gateways = [];
    for (let n = 0; n < 3; n++) await put(away(`SN-${n}`, { route: "gw/roof" }));
    await pass(20 * minuteMs);
    expect(await rules()).toEqual(["gatewayOffline"]);
    expect(smtp.mails).toHaveLength(1);
    expect(smtp.mails[0]!.data).toContain("Gateway roof has no connection");
    gateways = ["roof"];
    await pass(10 * minuteMs);
    expect(await rules()).toEqual(["offline"]);
    expect((await open())[0].cause).toEqual({ kind: "gateway", name: "roof" });
  });
});

describe("the agent's own health", () => {
  it("is watched: disk, lag, outbox and clock", async () => {
    host = { lagMs: 9000, freeBytes: 1e9, sizeBytes: 1e11 };
    await api.store.tx((tx) => {
      const entry = { output: "pager", kind: "k", stream: "s", body: {} };
      return enqueue(tx, entry, { steadyMs: api.clock.now, wallMs: api.clock.now });
    });
    await pass(15 * minuteMs);
    expect(await rules()).toEqual(["agentDisk", "agentLag", "agentOutbox"]);
    expect((await open()).map((one: { text: string }) => one.text)).toContain(
      "The disk of the data folder has 1000 MB free, 1.0 %.",
    );
    const loop = loopOf();
    await loop.turn();
    steadyAheadMs = -3600_000;
    api.clock.now += 3600_000 + lookPauseMs;
    await loop.turn();
    expect(await rules()).toContain("agentClock");
  });
});

describe("rollouts, zombies and errors", () => {
  it("are alerts: halted, without progress, retired and back, failing again and again", async () => {
    const nowMs = api.clock.now;
    const stuck = rolloutRecord("r2", {
      status: "running",
      startedMs: nowMs,
      waveStartedMs: nowMs,
    });
    await api.store.tx(async (tx) => {
      await tx.putRollout(rolloutRecord("r1", { status: "halted", haltReason: "1 of 2 failed." }));
      await tx.putRollout(stuck);
      await tx.putRollout(rolloutRecord("r3", { status: "paused", startedMs: 1 }));
      const zombie = { kind: "zombieContactCounted", serial: "SN-9", text: "" };
      await tx.appendEvent(zombie, nowMs);
      for (let n = 0; n < 5; n++) {
        await tx.appendEvent({ kind: "updateReverted", serial: "SN-8", text: "" }, nowMs);
        if (n < 4)
          await tx.appendEvent({ kind: "updateReverted", serial: "SN-7", text: "" }, nowMs);
      }
    });
    await pass(2 * minuteMs);
    const found = (await open()).map((one: { rule: string; cause: { name: string } }) => [
      ...[one.rule, one.cause.name],
    ]);
    expect(found.sort()).toEqual([
      ["errorRate", "SN-8"],
      ["rolloutHalted", "r1"],
      ["zombie", "SN-9"],
    ]);
    await pass(24 * 60 * minuteMs, 60 * minuteMs);
    expect(await rules()).toContain("rolloutStuck");
    expect(await rules()).not.toContain("errorRate");
  });
});

describe("the vitals of the fleet", () => {
  const days = 7;
  async function fleet(
    change: (n: number, day: number) => Record<string, number[]>,
  ): Promise<void> {
    const todayMs = Math.floor(api.clock.now / spanMs.day) * spanMs.day;
    for (let n = 0; n < 20; n++) {
      const serial = `SN-${100 + n}`;
      const birth = birthRecord(serial, { batch: n < 8 ? "B1" : "B2" });
      await put(back(away(serial, { birth })));
      await api.store.tx(async (tx) => {
        for (let day = 0; day < days; day++) {
          const atMs = todayMs + (day - days + 1) * spanMs.day + 1000 * n;
          await tx.appendVitals([{ serial, atMs, sequence: 7, values: change(n, day) }]);
        }
      });
    }
    while ((await api.store.tx((tx) => rollUpNext(tx))) > 0);
  }

  it("show a battery that drains twice as fast as its like, and no new cell", async () => {
    await fleet((n, day) => {
      const drain = n === 3 ? 45 : 10 + (n % 4);
      return { batteryMv: [3000 - drain * day + (n === 5 && day > 3 ? 400 : 0)] };
    });
    await pass(minuteMs);
    const [alert, ...others] = await open();
    expect(others).toEqual([]);
    expect(alert.text).toBe(
      "SN-103 uses 45.0 mV a day; the middle one of 20 sensor-1 on puckjs uses 11.5.",
    );
  });
  it("show a battery by its charge where the board measures that, over restarts of its counter", async () => {
    await fleet((n, day) => {
      const used = n === 3 ? 900 : 300 + (n % 4);
      const begun = n === 5 && day > 3 ? 4 : 0;
      return {
        chargeMicroAh: [used * (day - begun + 1)],
        batteryMv: [3000 - 90 * (n === 6 ? day : 0)],
      };
    });
    await pass(minuteMs);
    expect((await open()).map((one: { text: string }) => one.text)).toEqual([
      "SN-103 uses 900.0 µAh a day; the middle one of 20 sensor-1 on puckjs uses 301.5.",
    ]);
  });
  it("show a batch that is warmer than the others of its board", async () => {
    await fleet((n) => ({ temperatureDeciC: [n < 8 ? 312 + (n % 3) : 230 + (n % 3)] }));
    await pass(minuteMs);
    expect((await open()).map((one: { text: string }) => one.text).sort()).toEqual([
      "Batch B1 (8 puckjs) is 8.2 °C warmer than the others: 31.3 against 23.1.",
      "Batch B2 (12 puckjs) is 8.2 °C colder than the others: 23.1 against 31.3.",
    ]);
  });
  it("of a harmless fleet alert nobody", async () => {
    await fleet((n, day) => ({
      batteryMv: [3000 - (8 + (n % 5)) * day + ((n * 7 + day * 3) % 4)],
      temperatureDeciC: [200 + ((n * 13) % 40)],
    }));
    await pass(5 * minuteMs);
    expect(await open()).toEqual([]);
  });
});

describe("a look that fails", () => {
  it("is told in the log, and the next one goes on", async () => {
    await put(away("SN-1"));
    const { tx } = api.store;
    api.store.tx = () => Promise.reject(new Error("disk full"));
    await loopOf().turn();
    api.store.tx = tx;
    expect(api.logged).toHaveLength(1);
    await pass(7 * minuteMs);
    expect(await rules()).toEqual(["offline"]);
  });
});

describe("the API", () => {
  let id = "";
  beforeEach(async () => {
    await put(away("SN-1"));
    await pass(7 * minuteMs);
    id = (await open())[0].id;
  });
  it("shows an alert with its playbook; steps are ticked off and taken back, by name", async () => {
    const step = (body: unknown, name = "power") =>
      api.call("PUT", `/v1/alerts/${id}/steps/${name}`, body, "installer");
    const ticked = await step({ isDone: true, note: "fuse blown" });
    const of = (body: { playbook: { id: string; done: unknown }[] }) =>
      body.playbook.find((one) => one.id === "power")!.done;
    const done = { person: "installer", atMs: api.clock.now, note: "fuse blown" };
    expect(of(ticked.body)).toEqual(done);
    expect(of((await api.call("GET", `/v1/alerts/${id}`, undefined, "viewer")).body)).toEqual(done);
    expect(of((await step({ isDone: false })).body)).toBeNull();
    const unknown = await step({ isDone: true }, "dance");
    expect(unknown.body.detail).toBe("step dance: expected one of list, vitals, power, release");
  });
  it("takes an acknowledgement of an open alert, and of no closed one", async () => {
    const acked = await api.call("POST", `/v1/alerts/${id}/ack`, { note: "on my way" }, "operator");
    expect(acked.body.ack).toEqual({ person: "operator", atMs: api.clock.now, note: "on my way" });
    await put(back(away("SN-1")));
    await pass(3 * minuteMs);
    const late = await api.call("POST", `/v1/alerts/${id}/ack`, {}, "operator");
    const detail = `alert ${id}: expected an open one, it is closed`;
    expect(late.body).toEqual(problem(692, "AlertClosed", 409, detail, expect.any(String)));
    expect((await api.call("GET", "/v1/alerts?state=closed")).body.alerts).toHaveLength(1);
    expect((await api.call("POST", `/v1/alerts/${id}/ack`, {}, "viewer")).status).toBe(403);
  });
  it("takes silences with an end, lists those in force and ends them", async () => {
    const body = { site: "attic", forS: 3600, reason: "painters" };
    const made = await api.call("POST", "/v1/silences", body, "operator");
    expect([made.status, made.body.untilMs]).toEqual([201, api.clock.now + 3600_000]);
    const list = async () => (await api.call("GET", "/v1/silences")).body.silences.length;
    expect(await list()).toBe(1);
    api.clock.now += 3600_000;
    expect(await list()).toBe(0);
    const second = await api.call("POST", "/v1/silences", body, "operator");
    const end = () => api.call("DELETE", `/v1/silences/${second.body.id}`, {}, "operator");
    expect((await end()).status).toBe(204);
    expect((await end()).body.name).toBe("NotFound");
    const empty = await api.call("POST", "/v1/silences", { forS: 60, reason: "x" }, "operator");
    expect([empty.status, empty.body.name]).toEqual([422, "SilenceInvalid"]);
    const endless = { ...body, forS: 91 * 86_400 };
    expect((await api.call("POST", "/v1/silences", endless, "operator")).status).toBe(400);
  });
  it("sends a test to every output, shows the outbox and replays an entry", async () => {
    const tested = await api.call("POST", "/v1/alerts/test", undefined, "operator");
    expect(tested.body.entries.map((one: { output: string }) => one.output)).toEqual([
      "ops",
      "mail",
    ]);
    const waits = await api.call("GET", "/v1/outbox", undefined, "operator");
    expect(waits.body.entries).toHaveLength(2);
    await pass(minuteMs);
    expect(sent().at(-1)!.text).toBe("Test by operator: this output works.");
    expect(smtp.mails).toHaveLength(1);
    const delivered = await api.call("GET", "/v1/outbox?state=delivered", undefined, "operator");
    const last = delivered.body.entries.find((one: { kind: string }) => one.kind === "alert.test");
    const again = await api.call("POST", `/v1/outbox/${last.id}/replay`, undefined, "operator");
    expect([again.status, again.body.state]).toEqual([202, "waiting"]);
    await pass(minuteMs);
    expect(sent().filter(({ kind }) => kind === "alert.test")).toHaveLength(2);
    expect((await api.call("GET", "/v1/outbox", undefined, "viewer")).status).toBe(403);
  });
});
