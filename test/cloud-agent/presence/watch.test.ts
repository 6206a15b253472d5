/** Presence with a real store and real frames: what is judged, stored and told, over restarts of the agent. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openPresenceWatch, type PresenceWatch } from "../../../cloud-agent/presenceWatch.ts";
import { openSqliteStore } from "../../../cloud-agent/storage/sqlite.ts";
import type { HostDevice } from "../../../firmware/protocol/host/hostDevice.ts";
import { Lifecycle } from "../../../firmware/protocol/messages.ts";
import { type DeviceBench, openDeviceBench } from "../../support/deviceBench.ts";
import { deviceRecord } from "../fixtures.ts";
import { type Harness, harness } from "../http/harness.ts";

const serial = "PUCK-0001";
let bench: DeviceBench;
let device: HostDevice;
let watch: PresenceWatch;
let logged: unknown[];

const open = async () => {
  const note = (fields: unknown) => void logged.push(fields);
  const log = { debug: note, info: note, warn: note, error: note };
  watch = await openPresenceWatch({ ...bench.ports, log });
  bench.ports.steadyMs = watch.steadyMs;
  bench.restartAgent();
};
beforeEach(async () => {
  logged = [];
  bench = await openDeviceBench();
  device = await bench.device(serial);
  await bench.change(serial, { lifecycle: Lifecycle.Operating });
  await open();
  await bench.shakeHands(device);
});
afterEach(() => bench.ports.store.close());

async function pass(s: number): Promise<void> {
  for (let at = 0; at < s; at += 10) {
    bench.nowMs += 10_000;
    await watch.turn();
  }
}
const presence = async () => (await bench.record(serial)).presence;
const counts = async () => [
  (await bench.events("deviceWentOffline")).length,
  (await bench.events("deviceCameBack")).length,
];

describe("a silent device", () => {
  it("is found, told once, and is back with its next authenticated frame", async () => {
    await pass(500);
    expect(await counts()).toEqual([0, 0]);
    await pass(20);
    const [event] = await bench.events("deviceWentOffline");
    expect(event).toMatchObject({
      serial,
      text: "PUCK-0001 promised to come within 5 minutes and has been silent for 8.5 minutes.",
      data: { promisedS: 300, route: "fl", site: null },
    });
    await pass(3600);
    expect(await counts()).toEqual([1, 0]);
    await bench.give(serial, device.hello());
    expect((await presence())!.isOffline).toBe(true);
    await bench.shakeHands(device);
    expect(await counts()).toEqual([1, 1]);
    expect((await bench.events("deviceCameBack"))[0]!.data).toMatchObject({ silentMs: 4_120_000 });
    expect(logged).toEqual([]);
  });
  it("stays what it was over restarts of the agent", async () => {
    await pass(520);
    await open();
    await pass(1200);
    expect(await counts()).toEqual([1, 0]);
    expect((await presence())!.isOffline).toBe(true);
  });
  it("is not blamed for a time in which the agent was stopped, also when it is killed again at once", async () => {
    await pass(200);
    bench.nowMs += 7_200_000;
    await open();
    await open();
    await watch.turn();
    await pass(300);
    expect(await counts()).toEqual([0, 0]);
    await bench.shakeHands(device);
    await pass(400);
    expect(await counts()).toEqual([0, 0]);
  });
  it("is judged no more once it is decommissioned", async () => {
    await bench.change(serial, { lifecycle: Lifecycle.Wiping });
    await pass(900);
    expect(await counts()).toEqual([0, 0]);
  });
});

describe("a turn that cannot write", () => {
  it("is told in the log, and the next one judges", async () => {
    const { store } = bench.ports;
    const { tx } = store;
    store.tx = () => Promise.reject(new Error("disk full"));
    await pass(600);
    store.tx = tx;
    expect(logged.length).toBeGreaterThan(0);
    await pass(10);
    expect(await counts()).toEqual([1, 0]);
  });
});

describe("a database from before presence was watched", () => {
  it("has its devices in service judged, and no others", async () => {
    const dir = mkdtempSync(join(tmpdir(), "fleetling-presence-"));
    const path = join(dir, "fleet.db");
    const first = await openSqliteStore({ path });
    await first.tx(async (tx) => {
      await tx.putDevice(deviceRecord("SN-0001", { lifecycle: Lifecycle.Operating }));
      await tx.putDevice(deviceRecord("SN-0002", { lifecycle: Lifecycle.Retired }));
    });
    await first.close();
    const db = new Database(path);
    db.exec("drop table vitals_spans; drop index vitals_by_at_ms; drop index events_by_kind_id");
    db.exec("drop index devices_by_judge_at_ms; drop index devices_by_presence_serial");
    db.exec(
      "alter table devices drop column presence; alter table devices drop column judge_at_ms",
    );
    for (const column of ["model", "batch", "site", "group_name", "account"]) {
      db.exec(`drop index devices_by_${column}; alter table devices drop column ${column}`);
    }
    db.exec("drop index devices_by_board; drop index devices_by_running_sequence");
    db.exec("update meta set value = '2' where key = 'schemaVersion'");
    db.close();
    const after = await openSqliteStore({ path });
    const due = await after.tx((tx) => tx.devicesToJudge(0, 10));
    expect(due.map((one) => one.serial)).toEqual(["SN-0001"]);
    expect(await after.tx((tx) => tx.countDevices("presence"))).toEqual({ "": 1, online: 1 });
    await after.close();
    rmSync(dir, { recursive: true });
  });
});

describe("the API", () => {
  let api: Harness;
  const presenceAt = (heardMs: number, isOffline: boolean) => ({
    ...{ heardMs, promisedMs: 60_000, dueMs: heardMs + 120_000, isOffline, sinceMs: heardMs },
  });
  beforeEach(async () => {
    api = await harness();
    const { now } = api.clock;
    await api.store.tx(async (tx) => {
      const operating = { lifecycle: Lifecycle.Operating };
      await tx.putDevice(
        deviceRecord("SN-0001", { ...operating, presence: presenceAt(now, false) }),
      );
      await tx.putDevice(
        deviceRecord("SN-0002", { ...operating, presence: presenceAt(now - 90_000, false) }),
      );
      await tx.putDevice(
        deviceRecord("SN-0003", { ...operating, presence: presenceAt(now - 900_000, true) }),
      );
      await tx.putDevice(deviceRecord("SN-0004", { presence: presenceAt(0, true) }));
    });
  });
  afterEach(() => api.close());

  it("shows the presence of each device, lists those that are offline, and counts them", async () => {
    const all = await api.call("GET", "/v1/devices", undefined, "viewer");
    const states = all.body.devices.map(
      (one: { presence: { state: string } }) => one.presence.state,
    );
    expect(states).toEqual(["online", "late", "offline", "unwatched"]);
    const off = await api.call("GET", "/v1/devices?presence=offline", undefined, "viewer");
    expect(off.body.devices.map((one: { serial: string }) => one.serial)).toEqual(["SN-0003"]);
    expect(off.body.devices[0].presence).toEqual({
      ...{ state: "offline", sinceMs: api.clock.now - 900_000, promisedS: 60 },
    });
    const summary = await api.call("GET", "/v1/summary");
    expect(summary.body.devices.byPresence).toEqual({ online: 2, offline: 1, unwatched: 1 });
    expect((await api.call("GET", "/v1/devices?presence=gone")).status).toBe(400);
  });
});
