/** Vitals rolled up: nothing lost, nothing counted twice, bounded, and read as percentiles. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { VitalsRecord } from "../../../cloud-agent/core/records.ts";
import { percentile } from "../../../cloud-agent/core/vitals/percentiles.ts";
import {
  deleteOldSamples,
  deleteOldSpans,
  rollUpNext,
} from "../../../cloud-agent/core/vitals/roll.ts";
import { type SpanKind, spanMs } from "../../../cloud-agent/core/vitals/spans.ts";
import type { Store } from "../../../cloud-agent/storage/store.ts";
import { createVitalsKeeper } from "../../../cloud-agent/vitalsKeeper.ts";
import { openTestStore } from "../../support/stores.ts";
import { birthRecord, deviceRecord } from "../fixtures.ts";
import { type Harness, harness, problem, startMs } from "../http/harness.ts";

const dayStartMs = Math.floor(startMs / spanMs.day) * spanMs.day;
const serial = "SN-0001";
const row = (atMs: number, values: Record<string, number[]>, changes = {}): VitalsRecord => ({
  ...{ serial, atMs, sequence: 7, values },
  ...changes,
});
const policy = { rawDays: 7, hourDays: 30, dayDays: 730, rawRowsMax: 1_000_000 };

let store: Store;
beforeEach(async () => {
  store = await openTestStore();
});
afterEach(() => store.close());

const append = (rows: VitalsRecord[]) => store.tx((tx) => tx.appendVitals(rows));
const roll = (rowsMax?: number) => store.tx((tx) => rollUpNext(tx, rowsMax));
const spans = (kind: SpanKind) => store.tx((tx) => tx.spans.ofDevice({ serial, kind, limit: 100 }));

describe("rolling up", () => {
  it("keeps minimum, maximum, sum and count of each vital by hour, by day and by release", async () => {
    await append([
      row(dayStartMs, { batteryMv: [2900, 3000, 2950], uptimeS: [5] }),
      row(dayStartMs + 60_000, { batteryMv: [2890, 2990, 2900] }),
      row(dayStartMs + 70_000, { batteryMv: [2800, 2800, 2800] }, { sequence: 8 }),
      row(dayStartMs + spanMs.hour, { batteryMv: [2700, 2750, 2740] }),
    ]);
    expect(await roll()).toBe(4);
    const hours = (await spans("hour")).map(({ fromMs, sequence, figures }) => [
      ...[(fromMs - dayStartMs) / spanMs.hour, sequence, figures.batteryMv],
    ]);
    expect(hours).toEqual([
      [0, 7, [2890, 3000, 5850, 2]],
      [0, 8, [2800, 2800, 2800, 1]],
      [1, 7, [2700, 2750, 2740, 1]],
    ]);
    const days = (await spans("day")).map(({ sequence, figures }) => [sequence, figures]);
    expect(days).toEqual([
      [7, { batteryMv: [2700, 3000, 8590, 3], uptimeS: [5, 5, 5, 1] }],
      [8, { batteryMv: [2800, 2800, 2800, 1] }],
    ]);
    expect(await roll()).toBe(0);
    expect(await spans("hour")).toHaveLength(3);
  });

  it("gives the same spans in any portions and over restarts at any step", async () => {
    const dir = mkdtempSync(join(tmpdir(), "fleetling-vitals-"));
    const path = join(dir, "fleet.db");
    const rows = Array.from({ length: 60 }, (_, n) =>
      row(dayStartMs + n * 300_000, { batteryMv: [3000 - n], crashFreeS: [n * 300 + 10] }),
    );
    await append(rows);
    while ((await roll(1000)) > 0);
    const wanted = [await spans("hour"), await spans("day")];
    await store.close();
    for (let done = 0, step = 0; done < 60; step++) {
      store = await openTestStore(path);
      if (step === 0) await append(rows);
      const failing = store.tx(async (tx) => {
        await rollUpNext(tx, 5);
        throw new Error("killed here");
      });
      await expect(failing).rejects.toThrow("killed here");
      done += await roll(7);
      if (done < 60) await store.close();
    }
    expect([await spans("hour"), await spans("day")]).toEqual(wanted);
    rmSync(dir, { recursive: true });
  });

  it("takes samples that come late, or from a clock that went back, into their own hour", async () => {
    await append([row(dayStartMs + spanMs.hour, { batteryMv: [2900] })]);
    await roll();
    await append([
      row(dayStartMs, { batteryMv: [3000] }),
      row(dayStartMs + 1, { batteryMv: [2800] }),
    ]);
    await roll();
    const counts = (await spans("hour")).map(({ figures }) => figures.batteryMv);
    expect(counts).toEqual([
      [2800, 3000, 5800, 2],
      [2900, 2900, 2900, 1],
    ]);
  });

  it("counts a crash once: when the crash-free hours begin again for a reason that counts", async () => {
    const hour = 3600;
    const at = (s: number, crashFreeS: number, resetReason: number) =>
      row(dayStartMs + s * 1000, { crashFreeS: [crashFreeS], resetReason: [resetReason] });
    await append([at(0, 5000, 1), at(hour, 8600, 1)]);
    await roll();
    await append([at(2 * hour, 60, 5), at(3 * hour, 3660, 5), at(4 * hour, 10, 1)]);
    await roll();
    expect((await spans("hour")).map(({ crashes }) => crashes)).toEqual([0, 0, 1, 0, 0]);
    expect((await spans("day")).map(({ crashes }) => crashes)).toEqual([1]);
  });
});

describe("deleting", () => {
  const count = async () => ({
    raw: (await store.tx((tx) => tx.spans.rawAfter(0, 1000))).length,
    hours: (await spans("hour")).length,
    days: (await spans("day")).length,
  });
  const deleteOld = async (limits: typeof policy, nowMs: number) =>
    store.tx(async (tx) => {
      const samples = await deleteOldSamples(tx, limits, nowMs);
      return samples + (await deleteOldSpans(tx, limits, nowMs));
    });
  beforeEach(async () => {
    await store.tx((tx) => tx.putDevice(deviceRecord(serial)));
    await append(
      Array.from({ length: 40 }, (_, n) => row(dayStartMs + n * spanMs.day, { batteryMv: [1] })),
    );
  });

  it("never takes a sample that is not rolled up, however old", async () => {
    await deleteOld(policy, dayStartMs + 4000 * spanMs.day);
    expect((await count()).raw).toBe(40);
  });
  it("takes raw samples after days, hours after weeks, days after years", async () => {
    await roll();
    const nowMs = dayStartMs + 39 * spanMs.day + 1;
    expect(await deleteOld(policy, nowMs)).toBe(33 + 10);
    expect(await count()).toEqual({ raw: 7, hours: 30, days: 40 });
    await deleteOld(policy, dayStartMs + 740 * spanMs.day);
    expect(await count()).toEqual({ raw: 0, hours: 0, days: 30 });
  });
  it("goes through all devices by turns, and begins again behind the last one", async () => {
    await store.tx(async (tx) => {
      for (let n = 0; n < 600; n++) await tx.putDevice(deviceRecord(`SM-${1000 + n}`));
    });
    await roll();
    const nowMs = dayStartMs + 69 * spanMs.day + 1;
    const turn = () => store.tx((tx) => deleteOldSpans(tx, policy, nowMs));
    expect([await turn(), await turn(), await turn(), await turn()]).toEqual([0, 40, 0, 0]);
  });
  it("takes the oldest samples where there are more than the policy allows", async () => {
    await roll();
    await deleteOld({ ...policy, rawRowsMax: 5 }, dayStartMs);
    const left = await store.tx((tx) => tx.spans.rawAfter(0, 1000));
    expect(left.map(({ atMs }) => (atMs - dayStartMs) / spanMs.day)).toEqual([35, 36, 37, 38, 39]);
  });
});

describe("the keeper of vitals", () => {
  it("rolls up and deletes in one turn, by a clock that does not follow a jump", async () => {
    const logged: unknown[] = [];
    const note = (fields: unknown) => void logged.push(fields);
    let nowMs = dayStartMs;
    const keeper = createVitalsKeeper({
      ...{ store, policy, prudentNowMs: () => nowMs },
      log: { debug: note, info: note, warn: note, error: note },
    });
    await append(Array.from({ length: 250 }, (_, n) => row(dayStartMs + n, { batteryMv: [n] })));
    await keeper.turn();
    expect((await spans("hour"))[0]!.figures.batteryMv).toEqual([0, 249, 31_125, 250]);
    expect(await store.tx((tx) => tx.spans.rawAfter(0, 1000))).toHaveLength(250);
    nowMs += 8 * spanMs.day;
    await keeper.turn();
    expect(await store.tx((tx) => tx.spans.rawAfter(0, 1000))).toHaveLength(0);
    expect(logged).toEqual([]);
    const { tx } = store;
    store.tx = () => Promise.reject(new Error("disk full"));
    await keeper.turn();
    store.tx = tx;
    expect(logged).toHaveLength(1);
  });
});

describe("a percentile", () => {
  it.each([
    [[7], 0.05, 7],
    [[0, 10], 0.5, 5],
    [[1, 2, 3, 4, 5], 0.5, 3],
    [[0, 100], 0.95, 95],
  ])("of %j at %d is %d", (values, share, wanted) => {
    expect(percentile(values, share)).toBeCloseTo(wanted, 9);
  });
});

describe("the API", () => {
  let api: Harness;
  beforeEach(async () => {
    api = await harness();
    await api.store.tx(async (tx) => {
      for (let n = 0; n < 21; n++) {
        const name = `SN-${100 + n}`;
        const birth = birthRecord(name, { batch: n < 20 ? "B1" : "B2" });
        await tx.putDevice(
          deviceRecord(name, { birth, lifecycle: 3, site: n < 5 ? "attic" : null }),
        );
        const values = { batteryMv: [2000 + n * 10] };
        await tx.appendVitals([
          { serial: name, atMs: api.clock.now - 3600_000, sequence: 7, values },
        ]);
      }
      const second = { serial: "SN-100", atMs: api.clock.now - 60_000, sequence: 8 };
      await tx.appendVitals([{ ...second, values: { batteryMv: [2100] } }]);
      await rollUpNext(tx);
    });
  });
  afterEach(() => api.close());
  const ask = (query: string) =>
    api.call("GET", `/v1/vitals/percentiles?${query}`, undefined, "viewer");

  it("gives p5, p50 and p95 over devices, each with its own mean, by batch, board, site and release", async () => {
    const { body } = await ask("metric=batteryMv&by=batch");
    const [first, second] = body.groups;
    expect(first).toMatchObject({ group: "B1", devices: 20, min: 2010, max: 2190 });
    expect(first.p5).toBeCloseTo(2019.5, 6);
    expect(first.p50).toBeCloseTo(2095, 6);
    expect(first.p95).toBeCloseTo(2180.5, 6);
    expect(second).toMatchObject({ group: "B2", devices: 1, p5: 2200, p50: 2200, p95: 2200 });
    const groups = async (by: string) =>
      (await ask(`metric=batteryMv&by=${by}`)).body.groups.map(
        (one: { group: string; devices: number }) => [one.group, one.devices],
      );
    expect(await groups("board")).toEqual([["puckjs", 21]]);
    expect(await groups("site")).toEqual([["attic", 5]]);
    expect(await groups("release")).toEqual([
      ["7", 21],
      ["8", 1],
    ]);
  });
  it("answers from days where the time is long, and refuses one that is none", async () => {
    const sinceMs = api.clock.now - 90 * spanMs.day;
    expect((await ask(`metric=batteryMv&by=batch&sinceMs=${sinceMs}`)).body.kind).toBe("day");
    expect((await ask("metric=batteryMv&by=batch")).body.kind).toBe("hour");
    const wrong = await ask(`metric=batteryMv&by=batch&sinceMs=${api.clock.now + 1}`);
    expect([wrong.status, wrong.body.name]).toEqual([400, "RequestInvalid"]);
    expect((await ask("metric=batteryMv&by=colour")).status).toBe(400);
  });
  it("names what was told where a metric was not", async () => {
    const unknown = await ask("metric=batteryV&by=batch");
    const detail = "metric batteryV: no device told it in this time; told were: batteryMv";
    expect(unknown.body).toEqual(
      problem(690, "MetricUnknown", 404, detail, expect.stringContaining("names")),
    );
  });
  it("gives a device's hours and days, and refuses an unknown device", async () => {
    const hours = await api.call("GET", "/v1/devices/SN-100/vitals/spans", undefined, "viewer");
    expect(hours.body.spans).toHaveLength(2);
    expect(hours.body.spans[1]).toMatchObject({
      ...{ sequence: 8, crashes: 0 },
      figures: { batteryMv: { min: 2100, max: 2100, mean: 2100, count: 1, sum: 2100 } },
    });
    const days = await api.call("GET", "/v1/devices/SN-100/vitals/spans?kind=day");
    expect(days.body.spans.map((one: { sequence: number }) => one.sequence)).toEqual([7, 8]);
    const unknown = await api.call("GET", "/v1/devices/SN-999/vitals/spans");
    expect([unknown.status, unknown.body.name]).toEqual([404, "UnknownDevice"]);
  });
});
