/** What is paid for against what is in use: every night once, and when somebody asks. In virtual time. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { waitingEntries } from "../../../cloud-agent/core/outbox/outbox.ts";
import {
  addDevices,
  keptMax,
  listedMax,
  newReconciliation,
  reconciliations,
} from "../../../cloud-agent/core/reconcile.ts";
import type { DeviceRecord } from "../../../cloud-agent/core/records.ts";
import { parseConfig } from "../../../cloud-agent/platform/config.ts";
import { breathe } from "../../../cloud-agent/platform/timer.ts";
import { createReconciler, type ReconcileSettings } from "../../../cloud-agent/reconciler.ts";
import { openSqliteStore } from "../../../cloud-agent/storage/sqlite.ts";
import type { Store } from "../../../cloud-agent/storage/store.ts";
import { deviceRecord } from "../fixtures.ts";
import { type Harness, harness } from "./harness.ts";

/** 2027-01-15, 08:00 UTC */
const startMs = 1_800_000_000_000;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const gold = { plan: "gold", untilMs: startMs + 400 * dayMs };
let store: Store;
let nowMs: number;
let logged: unknown[];
beforeEach(async () => {
  store = await openSqliteStore({ path: ":memory:", durability: "normal" });
  nowMs = startMs;
  logged = [];
});
afterEach(() => store.close());

const note = (fields: unknown) => void logged.push(fields);
/** Knows nothing but the store: as after a restart. */
const reconciler = (changes: Partial<ReconcileSettings> = {}, over = store) =>
  createReconciler({
    ...{ store: over, clock: { nowMs: () => nowMs }, steadyMs: () => nowMs },
    log: { debug: note, info: note, warn: note, error: note },
    settings: { hour: 3, zone: "UTC", inactiveDays: 30, ...changes },
    ...{ outputs: ["books"], breathe },
  });
const put = (devices: DeviceRecord[], over = store) =>
  over.tx(async (tx) => {
    for (const device of devices) await tx.putDevice(device);
  });
const inService = (serial: string, changes: Partial<DeviceRecord> = {}) =>
  deviceRecord(serial, { lifecycle: 3, account: "acme", lastSeenMs: startMs, ...changes });
const kept = (over = store) =>
  over.tx(async (tx) => {
    const rows = await tx.documents.list(reconciliations, { limit: 1000 });
    return rows.map(({ value }) => `${value.by} ${new Date(value.atMs).toISOString()}`);
  });
const waiting = () => store.tx((tx) => waitingEntries(tx, 100));

describe("a reconciliation", () => {
  const silent = { lastSeenMs: startMs - 30 * dayMs - 1 };
  it.each<[string, Partial<DeviceRecord>, string | null]>([
    ["is paid for and comes", { entitlement: gold }, null],
    ["is paid for without an end and comes", { entitlement: { plan: "x", untilMs: null } }, null],
    [
      "came thirty days ago, to the millisecond",
      { entitlement: gold, lastSeenMs: startMs - 30 * dayMs },
      null,
    ],
    ["is paid for and silent", { entitlement: gold, ...silent }, "inactive silent"],
    ["is paid for and never came", { entitlement: gold, lastSeenMs: null }, "inactive never"],
    ["comes and nobody told of a plan", {}, "unpaid none"],
    ["comes after its plan", { entitlement: { plan: "x", untilMs: startMs } }, "unpaid ended"],
    [
      "comes after its plan was ended",
      { entitlement: { ...gold, endedMs: startMs - 1 } },
      "unpaid ended",
    ],
    ["is under maintenance and not paid for", { lifecycle: 7 }, "unpaid none"],
    ["is neither paid for nor comes", { ...silent }, null],
    ["nobody has claimed", { lifecycle: 1, entitlement: gold, lastSeenMs: null }, null],
    ["is about to be claimed", { lifecycle: 2, entitlement: gold, lastSeenMs: null }, null],
    [
      "holds a grant that it never confirmed",
      { lifecycle: 2, grantPending: true, entitlement: gold, lastSeenMs: null },
      "inactive never",
    ],
    ["is being wiped", { lifecycle: 5 }, null],
    ["has left", { lifecycle: 6 }, null],
  ])("of a device that %s lists it as it should", (_, changes, wanted) => {
    const report = newReconciliation({ atMs: startMs, by: "ann", inactiveDays: 30 });
    addDevices(report, [inService("SN-1", changes)]);
    const found = [
      ...report.entitledInactive.listed.map(({ why }) => `inactive ${why}`),
      ...report.activeNotEntitled.listed.map(({ why }) => `unpaid ${why}`),
    ];
    expect(found).toEqual(wanted === null ? [] : [wanted]);
  });
  it("looks at the whole fleet, names 250 of each and counts all", async () => {
    const devices = Array.from({ length: 620 }, (_, n) =>
      inService(`SN-${1000 + n}`, n < 300 ? { entitlement: gold, lastSeenMs: null } : {}),
    );
    await put(devices);
    const report = await reconciler().run("ann");
    expect(report).toMatchObject({ devices: 620, known: 300, entitled: 300, active: 320 });
    expect(report.entitledInactive.count).toBe(300);
    expect(report.activeNotEntitled.count).toBe(320);
    expect(report.entitledInactive.listed).toHaveLength(listedMax);
    expect(report.activeNotEntitled.listed[0]).toEqual({
      ...{ serial: "SN-1300", account: "acme", plan: null, untilMs: null },
      ...{ lastSeenMs: startMs, why: "none" },
    });
  });
  it("lets others have their turn between two pages", async () => {
    await put(Array.from({ length: 1001 }, (_, n) => inService(`SN-${1000 + n}`)));
    let turns = 0;
    let isOver = false;
    const others = () => {
      turns++;
      if (!isOver) setImmediate(others);
    };
    setImmediate(others);
    await reconciler().run("ann");
    isOver = true;
    expect(turns).toBeGreaterThanOrEqual(2);
  });
  it("is kept, told once to each output and in the log, and replaces the oldest of sixty", async () => {
    await put([inService("SN-1", { entitlement: gold }), inService("SN-2")]);
    for (let n = 0; n < keptMax + 2; n++) {
      nowMs += 1000;
      await reconciler().run("ann");
    }
    expect(await kept()).toHaveLength(keptMax);
    expect((await kept())[0]).toBe("ann 2027-01-15T08:00:03.000Z");
    const entries = await waiting();
    expect(entries).toHaveLength(keptMax + 2);
    expect(entries[0]).toMatchObject({ output: "books", kind: "reconciliation" });
    const body = JSON.parse(entries[0]!.body);
    expect(body.text).toBe(
      "Of 2 devices in service 0 are entitled and did not come for 30 days, 1 come and are not entitled.",
    );
    expect(body.reconciliation.activeNotEntitled.listed).toMatchObject([{ serial: "SN-2" }]);
    const [event] = await store.tx((tx) => tx.events({ kind: "reconciled", limit: 1 }));
    expect(event!.data).toMatchObject({ by: "ann", known: 1, activeNotEntitled: 1 });
  });
  it("tells outputs nothing where nobody tells of entitlements, and is kept all the same", async () => {
    await put([inService("SN-1")]);
    await reconciler().run("ann");
    expect([await waiting(), (await kept()).length]).toEqual([[], 1]);
  });
  it("is the same for all who ask while it is made", async () => {
    const one = reconciler();
    const [first, second] = await Promise.all([one.run("ann"), one.run("bob")]);
    expect([first, (await kept()).length]).toEqual([second, 1]);
  });
});

describe("the night's reconciliation", () => {
  /** Turns every ten minutes. */
  async function pass(ms: number, changes: Partial<ReconcileSettings> = {}): Promise<string[]> {
    const one = reconciler(changes);
    for (const end = nowMs + ms; nowMs < end; nowMs += 600_000) await one.turn();
    expect(logged).toEqual([]);
    return kept();
  }
  it("is made once a day, at its hour where the fleet is, over changes of clock", async () => {
    nowMs = Date.parse("2027-03-26T12:00:00Z");
    expect(await pass(4 * dayMs, { hour: 3, zone: "Europe/Berlin" })).toEqual([
      // Late for the first day: it had no agent at three.
      "nightly 2027-03-26T12:00:00.000Z",
      "nightly 2027-03-27T02:00:00.000Z",
      "nightly 2027-03-28T01:00:00.000Z",
      "nightly 2027-03-29T01:00:00.000Z",
      "nightly 2027-03-30T01:00:00.000Z",
    ]);
  });
  it("is made on the day whose hour the clock leaves out", async () => {
    nowMs = Date.parse("2027-03-27T23:00:00Z");
    expect(await pass(hourMs * 8, { hour: 2, zone: "Europe/Berlin" })).toEqual([
      "nightly 2027-03-28T01:00:00.000Z",
    ]);
  });
  it("is not made again by an agent that starts again, and late by one that was away", async () => {
    await pass(hourMs);
    await pass(hourMs);
    expect(await kept()).toEqual(["nightly 2027-01-15T08:00:00.000Z"]);
    nowMs += 3 * dayMs;
    await pass(hourMs);
    expect(await kept()).toHaveLength(2);
  });
  it("is made again when the agent was killed before it was stored", async () => {
    const dir = mkdtempSync(join(tmpdir(), "fleetling-reconcile-"));
    const path = join(dir, "fleet.db");
    const first = await openSqliteStore({ path, durability: "normal" });
    await put([inService("SN-1", { entitlement: gold })], first);
    let count = 0;
    const dying: Store = {
      ...{ onEvents: first.onEvents.bind(first), close: () => first.close() },
      tx: (fn) => (++count === 3 ? Promise.reject(new Error("killed")) : first.tx(fn)),
    };
    await reconciler({}, dying).turn();
    expect([logged.length, await kept(first)]).toEqual([1, []]);
    await first.close();
    const second = await openSqliteStore({ path, durability: "normal" });
    await reconciler({}, second).turn();
    expect(await kept(second)).toHaveLength(1);
    await second.close();
    rmSync(dir, { recursive: true });
  });
  it("waits for its hour, and is not made where it is off", async () => {
    nowMs = Date.parse("2027-01-15T02:00:00Z");
    expect(await pass(hourMs)).toEqual([]);
    nowMs = startMs;
    expect(await pass(2 * dayMs, { hour: "off" })).toEqual([]);
  });
  it.each([
    ["an hour that no day has", { reconcileHour: "24" }, "reconcileHour"],
    ["a zone that is none", { reconcileZone: "Mars/Olympus" }, "reconcileZone"],
    ["no days", { reconcileInactiveDays: "0" }, "reconcileInactiveDays"],
  ])("is not set to %s", (_, settings, named) => {
    expect(() => parseConfig(settings)).toThrow(named);
    expect(parseConfig({ reconcileHour: "off" }).reconcileHour).toBe("off");
  });
});

describe("the API", () => {
  let api: Harness;
  beforeEach(async () => {
    api = await harness();
    await put([inService("SN-1", { entitlement: gold }), inService("SN-2")], api.store);
    api.reconcile.run = (by) => reconciler({}, api.store).run(by);
  });
  afterEach(() => api.close());

  it("reconciles for those who may, and shows what is kept, the newest first", async () => {
    const made = await api.call("POST", "/v1/reconciliations", undefined, "operator");
    expect(made.body).toMatchObject({ by: "operator", devices: 2, entitled: 1, active: 2 });
    nowMs += 1000;
    await api.call("POST", "/v1/reconciliations");
    const list = await api.call("GET", "/v1/reconciliations", undefined, "viewer");
    expect(list.body.reconciliations.map(({ by }: { by: string }) => by)).toEqual([
      ...["admin", "operator"],
    ]);
    expect(list.body.reconciliations[0].activeNotEntitled).toEqual({ count: 1 });
    const one = await api.call("GET", `/v1/reconciliations/${made.body.id}`, undefined, "viewer");
    expect(one.body).toEqual(made.body);
    expect((await api.call("POST", "/v1/reconciliations", undefined, "viewer")).status).toBe(403);
    const none = await api.call("GET", `/v1/reconciliations/${"0".repeat(15)}`);
    expect(none.body.name).toBe("NotFound");
  });
});
