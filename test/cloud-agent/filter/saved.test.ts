/** Saved filters over the real API and store: previews, lists, and rollouts that keep what they were approved with. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseFilter } from "../../../cloud-agent/core/filter/parse.ts";
import { countDevices } from "../../../cloud-agent/findDevices.ts";
import { createRolloutLoop } from "../../../cloud-agent/rolloutLoop.ts";
import { openSqliteStore } from "../../../cloud-agent/storage/sqlite.ts";
import { Lifecycle } from "../../../firmware/protocol/messages.ts";
import { birthRecord, deviceRecord } from "../fixtures.ts";
import { type Harness, harness, problem, startMs } from "../http/harness.ts";
import { releaseOf } from "../rollout/fleet.ts";

const classId = "class-puckjs";
const serialOf = (n: number) => `SN-${1000 + n}`;
let api: Harness;
beforeEach(async () => {
  api = await harness();
  await api.store.tx(async (tx) => {
    await tx.putRelease(releaseOf(7));
    await tx.putBlob(0, 7, classId, Uint8Array.of(1));
    for (let n = 0; n < 12; n++) {
      const birth = { ...birthRecord(serialOf(n)), classId };
      const facts = { lifecycle: Lifecycle.Operating, runningSequence: n < 6 ? 5 : 6 };
      const vitals = { latestVitals: { batteryMv: 2400 + n * 50 }, lastSeenMs: startMs };
      const site = n % 2 === 0 ? "attic" : "cellar";
      await tx.putDevice(deviceRecord(serialOf(n), { birth, ...facts, ...vitals, site }));
    }
  });
});
afterEach(() => api.close());

const save = (name: string, where: string) =>
  api.call("PUT", `/v1/filters/${name}`, { where }, "operator");
const preview = async (filter: string) =>
  (await api.call("POST", "/v1/filters/preview", { filter, sample: 2 }, "viewer")).body;
const policy = (target: object, changes: object = {}) => ({
  ...{ name: "to 7", sequence: 7, target, holdBackShare: 0 },
  waves: [{ name: "all", size: { percent: 100 }, soakMs: 0 }],
  ...{ withoutCanary: "devices of our own only", ...changes },
});
const started = async (target: object, changes: object = {}) => {
  const draft = await api.call("POST", "/v1/rollouts", policy(target, changes), "operator");
  if (draft.status >= 400) return draft;
  return api.call("POST", `/v1/rollouts/${draft.body.id}/start`, {}, "operator");
};
const turn = () =>
  createRolloutLoop({
    store: api.store,
    clock: { nowMs: () => api.clock.now },
    random: { bytes: (count) => new Uint8Array(count).fill(9) },
    log: { debug() {}, info() {}, warn() {}, error: (fields) => void api.logged.push(fields) },
    nudge: () => undefined,
  }).turn();
const change = (n: number, changes: object) =>
  api.store.tx(async (tx) => tx.putDevice({ ...(await tx.device(serialOf(n)))!, ...changes }));

describe("a saved filter", () => {
  it("is saved, shown, counted with a sample, changed and deleted", async () => {
    const saved = await save("weak", "batteryMv < 2600 and site = attic");
    expect(saved.body).toEqual({
      ...{ name: "weak", where: "batteryMv < 2600 and site = attic", note: "", revision: 1 },
      ...{ person: "operator", changedMs: startMs, usedBy: [] },
    });
    const found = await preview("weak");
    expect([found.count, found.isWhole]).toEqual([2, true]);
    expect(found.sample.map((one: { serial: string }) => one.serial)).toEqual([
      "SN-1000",
      "SN-1002",
    ]);
    expect(found.sample[0].latestVitals).toEqual({ batteryMv: 2400 });
    const list = await api.call("GET", "/v1/devices?filter=weak", undefined, "viewer");
    expect(list.body.devices).toHaveLength(2);
    const more = "/v1/devices?filter=release%20%3C%206&site=cellar";
    expect((await api.call("GET", more)).body.devices).toHaveLength(3);
    expect((await save("weak", "batteryMv < 2600 and site = attic")).body.revision).toBe(1);
    expect((await save("weak", "batteryMv < 2600")).body.revision).toBe(2);
    expect((await preview("weak")).count).toBe(4);
    expect((await api.call("GET", "/v1/filters")).body.filters).toHaveLength(1);
    const gone = await api.call("DELETE", "/v1/filters/weak", undefined, "operator");
    expect(gone.status).toBe(204);
    expect((await preview("weak")).name).toBe("FilterUnknown");
    const events = (await api.call("GET", "/v1/events?kind=filterSaved")).body.events;
    expect(events).toHaveLength(2);
  });
  it("is refused with what is wrong, and by name", async () => {
    await save("weak", "batteryMv < 2600");
    const wrong = await save("old", "relase < 6");
    const detail = 'filter, column 1: unknown field "relase"; did you mean "release"?';
    expect(wrong.body).toEqual(problem(641, "FilterInvalid", 422, detail, expect.any(String)));
    const unknown = await api.call("GET", "/v1/devices?filter=week");
    const hint = 'filter week: nobody saved one; did you mean "weak"?';
    expect(unknown.body).toEqual(problem(642, "FilterUnknown", 404, hint, expect.any(String)));
    expect((await save("fields", "release < 6")).body.name).toBe("FilterInvalid");
    expect((await save("a%20b", "release < 6")).body.name).toBe("FilterInvalid");
    const viewer = await api.call("PUT", "/v1/filters/x", { where: "release < 6" }, "viewer");
    expect(viewer.body.name).toBe("Forbidden");
  });
  it("says what it can ask, with no field left out", async () => {
    const { fields, aliases } = (await api.call("GET", "/v1/filters/fields")).body;
    expect(fields.length).toBeGreaterThan(25);
    expect(aliases.product).toBe("model");
  });
});

describe("a rollout to a saved filter", () => {
  it("keeps the text of its draft when the filter changes, and says so", async () => {
    await save("old", "release < 6 and site = attic");
    const rollout = (await started({ saved: "old" })).body;
    expect(Object.keys(rollout.assigned).sort()).toEqual(["SN-1000", "SN-1002", "SN-1004"]);
    expect(rollout.policy.target).toEqual({
      ...{ saved: "old", savedWhere: "release < 6 and site = attic" },
    });
    const changed = await save("old", "release < 99");
    const user = { id: rollout.id, name: "to 7", status: "running", isSame: false };
    expect(changed.body.usedBy).toEqual([user]);
    await turn();
    const later = (await api.call("GET", `/v1/rollouts/${rollout.id}`)).body;
    expect(Object.keys(later.assigned)).toHaveLength(3);
  });
  it("keeps devices that have left the filter by being updated, and lets those go that were moved", async () => {
    await save("old", "release < 6 and site = attic");
    const { id } = (await started({ saved: "old" })).body;
    const confirmed = { runningSequence: 7, runningDigest: "77".repeat(8), otherSequence: 5 };
    await change(0, { ...confirmed, lastSeenMs: startMs + 1 });
    await change(2, { site: "cellar" });
    await turn();
    const line = (await api.call("GET", "/v1/rollouts")).body.rollouts[0];
    expect([line.id, line.devices.confirmed]).toEqual([id, 1]);
    const next = (serial: string) => api.call("GET", `/v1/devices/${serial}/next`);
    expect((await next("SN-1000")).body.code).toBe("alreadyRunning");
    expect((await next("SN-1002")).body.code).toBe("noRollout");
    expect((await next("SN-1004")).body.offer).toBe(7);
  });
  it("takes in a device that comes to match by what it reports", async () => {
    const { id } = (await started({ where: "batteryMv > 2900" })).body;
    await change(0, { latestVitals: { batteryMv: 3000 } });
    await turn();
    const { assigned } = (await api.call("GET", `/v1/rollouts/${id}`)).body;
    expect(Object.keys(assigned)).toEqual(["SN-1011", "SN-1000"]);
  });
  it("may name one in a wave, and be refused for one that is not there or means nobody", async () => {
    await save("low", "batteryMv < 2500");
    const waves = [
      { name: "low", size: { filter: { saved: "low" } }, soakMs: 1000 },
      { name: "all", size: { percent: 100 }, soakMs: 0 },
    ];
    const { assigned } = (await started({ boards: ["puckjs"] }, { waves })).body;
    expect(assigned).toMatchObject({ "SN-1000": 0, "SN-1001": 0, "SN-1002": 1 });
    expect((await started({ saved: "lo" })).body.name).toBe("FilterUnknown");
    const nobody = await started({ where: "batteryMv > 9000" });
    expect(nobody.body.detail).toMatch(/expected at least one device/);
    const wrong = await started({ where: "batteryMv > much" });
    expect(wrong.body.detail).toMatch(
      /^target\.where: filter, column 13: batteryMv: expected a number/,
    );
    const given = await started({ saved: "low", savedWhere: "release < 9" });
    expect(given.body.name).toBe("RolloutPolicyInvalid");
  });
  it("keeps its filter from being deleted until it has ended", async () => {
    await save("old", "release < 6");
    const { id } = (await started({ saved: "old" })).body;
    const remove = () => api.call("DELETE", "/v1/filters/old", undefined, "operator");
    const detail = `filter old: rollout "to 7" (${id}, running) names it`;
    expect((await remove()).body).toEqual(
      problem(643, "FilterInUse", 409, detail, expect.any(String)),
    );
    await api.call("POST", `/v1/rollouts/${id}/abort`, { confirmed: "keep" }, "operator");
    expect((await remove()).status).toBe(204);
  });
});

describe("tags", () => {
  it("are added and taken away without touching the others", async () => {
    const label = (body: object) => api.call("PUT", "/v1/devices/SN-1000/labels", body, "operator");
    await label({ tags: ["a", "b"] });
    expect((await label({ addTags: ["c", "a"], removeTags: ["b"] })).body.tags).toEqual(["a", "c"]);
    const many = Array.from({ length: 15 }, (_, n) => `t${n}`);
    const refused = await label({ addTags: many });
    expect(refused.body.detail).toBe("device SN-1000: expected at most 16 tags, got 17");
  });
});

describe("ten thousand devices", () => {
  it("are counted in a moment, and found by an index without looking at the others", async () => {
    const store = await openSqliteStore({ path: ":memory:", durability: "normal" });
    await store.tx(async (tx) => {
      for (let n = 0; n < 10_000; n++) {
        const vitals = { latestVitals: { batteryMv: 2000 + (n % 1000) } };
        await tx.putDevice(
          deviceRecord(`TT-${10_000 + n}`, { ...vitals, site: `site-${n % 500}` }),
        );
      }
    });
    const time = async (filter: string) => {
      const began = performance.now();
      const where = { expr: parseFilter(filter), nowMs: startMs };
      const { count } = await countDevices(store, where, 1);
      return { count, ms: performance.now() - began };
    };
    const all = await time("batteryMv < 2100 and serial = TT-*");
    const few = await time("site = site-7 and batteryMv < 2100");
    await store.close();
    expect([all.count, few.count]).toEqual([1000, 10]);
    // Shares of the same machine in the same moment: 20 rows against 10,000.
    expect(few.ms).toBeLessThan(all.ms / 5);
    expect(all.ms).toBeLessThan(10_000);
  }, 60_000);
});

describe("an older database", () => {
  it("gets the columns that filters find by from its documents", async () => {
    const folder = mkdtempSync(join(tmpdir(), "filters-"));
    const path = join(folder, "fleet.db");
    const first = await openSqliteStore({ path, durability: "normal" });
    const labels = { site: "attic", group: "pilot", account: "acme" };
    await first.tx((tx) => tx.putDevice(deviceRecord("SN-1", labels)));
    await first.close();
    const db = new Database(path);
    for (const column of ["model", "batch", "site", "group_name", "account"]) {
      db.exec(`drop index devices_by_${column}; alter table devices drop column ${column}`);
    }
    db.exec("drop index devices_by_board; drop index devices_by_running_sequence");
    db.exec(`update meta set value = '4' where key = 'schemaVersion'`);
    db.close();
    const again = await openSqliteStore({ path, durability: "normal" });
    const where = { site: ["attic"], group_name: ["pilot"], account: ["acme"], batch: ["B1"] };
    const found = await again.tx((tx) => tx.devices({ where, limit: 9 }));
    await again.close();
    rmSync(folder, { recursive: true });
    expect(found).toHaveLength(1);
  });
});
