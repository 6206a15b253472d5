/** Questions about the past have the answers of then: a fleet lives, its answers are noted, and asked for again later. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DeviceRecord } from "../../../cloud-agent/core/records.ts";
import { createOffers } from "../../../cloud-agent/offers.ts";
import { createRolloutLoop } from "../../../cloud-agent/rolloutLoop.ts";
import { Code } from "../../../firmware/protocol/errors.ts";
import { birthRecord, deviceRecord } from "../fixtures.ts";
import { releaseOf } from "../rollout/fleet.ts";
import { type Harness, harness, startMs } from "./harness.ts";

const minuteMs = 60_000;
const classId = "class-puckjs";
const serials = Array.from(
  { length: 12 },
  (_, index) => `SN-${String(index + 1).padStart(4, "0")}`,
);
let api: Harness;
beforeEach(async () => {
  api = await harness();
  await api.store.tx(async (tx) => {
    for (const sequence of [7, 8]) {
      await tx.putRelease({ ...releaseOf(sequence), publishedMs: startMs });
      await tx.putBlob(0, sequence, classId, Uint8Array.of(1));
    }
    for (const serial of serials) {
      const birth = { ...birthRecord(serial), classId };
      const running = { runningSequence: 6, runningDigest: "66".repeat(8), floor: 1 };
      const changes = { birth, lifecycle: 3, account: "acme", ...running };
      await tx.putDevice(deviceRecord(serial, { ...changes, lastSeenMs: startMs }));
    }
  });
});
afterEach(() => api.close());

const read = (serial: string) => api.store.tx(async (tx) => (await tx.device(serial))!);
const change = (serial: string, changes: Partial<DeviceRecord>) =>
  api.store.tx(async (tx) => tx.putDevice({ ...(await tx.device(serial))!, ...changes }));
const edges = () => ({ clock: { nowMs: () => api.clock.now }, lab: api.lab });
const turn = () =>
  createRolloutLoop({
    ...{ store: api.store, ...edges() },
    random: { bytes: (count) => new Uint8Array(count).fill(9) },
    log: { debug() {}, info() {}, warn() {}, error: (fields) => void api.logged.push(fields) },
    nudge: () => undefined,
  }).turn();

/** One check-in of each device: what it was offered the last time has become true, or has failed. */
async function checkIns(promised: Map<string, number>): Promise<void> {
  const offers = createOffers(edges());
  for (const serial of serials) {
    const sequence = promised.get(serial);
    const old = await read(serial);
    const refusesOnce = serial === "SN-0003" && old.refused === null && sequence === 7;
    const crashes = serial === "SN-0005" && sequence === 8;
    const failed = { sequence: 8, digest: "77".repeat(8), code: Code.TrialCrashed, text: "" };
    const news: Partial<DeviceRecord> =
      sequence === undefined || old.runningSequence === sequence
        ? {}
        : refusesOnce
          ? { refused: { sequence, code: Code.ImageDigest }, refusedMs: api.clock.now }
          : crashes
            ? { lastFailed: failed }
            : {
                ...{ runningSequence: sequence, runningDigest: "77".repeat(8), refused: null },
                ...{ otherSequence: old.runningSequence, otherValid: true },
              };
    await change(serial, { ...news, lastSeenMs: api.clock.now });
    promised.delete(serial);
    const device = await read(serial);
    const offer = await api.store.tx((tx) => offers.offerFor(tx, device));
    if (offer !== null) promised.set(serial, offer.sequence);
  }
}

const draft = async (sequence: number, more: object = {}) => {
  const policy = {
    name: `to ${sequence}`,
    sequence,
    target: { boards: ["puckjs"] },
    waves: [
      { name: "canary", size: { count: 3 }, soakMs: 40 * minuteMs },
      { name: "all", size: { percent: 100 }, soakMs: 30 * minuteMs },
    ],
    holdBackShare: 0.2,
    verdict: { onTooFew: "promote", waitMs: 0 },
    retries: { transfer: { times: 2, backoffMs: 20 * minuteMs } },
    ...more,
  };
  return (await api.call("POST", "/v1/rollouts", policy)).body.id as string;
};
const say = (id: string, verb: string) => api.call("POST", `/v1/rollouts/${id}/${verb}`, {});
const explain = (serial: string, query = "") =>
  api.call("GET", `/v1/devices/${serial}/explain${query}`, undefined, "viewer");

describe("an answer about the past", () => {
  it("is the answer that was given then, through waves, pauses, tries, labels, halts and reverts", async () => {
    const noted: { serial: string; atMs: number; next: object }[] = [];
    const promised = new Map<string, number>();
    let second = "";
    const first = await draft(7, { budgets: [{ by: "site", atOnce: 1 }] });
    await change("SN-0009", { site: "shop" });
    const plan: Record<number, () => Promise<unknown>> = {
      1: () => say(first, "start"),
      4: () => say(first, "pause"),
      6: () => say(first, "resume"),
      7: () => api.call("PUT", "/v1/devices/SN-0010/labels", { group: "night", tags: ["x"] }),
      22: async () => {
        second = await draft(8);
      },
      23: () => say(second, "start"),
      24: () => change("SN-0012", { lifecycle: 7 }),
    };
    for (let tick = 0; tick < 40; tick++) {
      await plan[tick]?.();
      await checkIns(promised);
      await turn();
      for (const serial of serials) {
        const { body } = await api.call("GET", `/v1/devices/${serial}/next`);
        noted.push({ serial, atMs: api.clock.now, next: body });
      }
      api.clock.now += 10 * minuteMs;
    }
    expect(api.logged).toEqual([]);
    const codes = new Set(noted.map(({ next }) => (next as { code: string }).code));
    for (const code of ["draft", "paused", "waveNotReached", "holdBack", "retryLater", "offered"]) {
      expect([...codes]).toContain(code);
    }
    expect((await api.call("GET", `/v1/rollouts/${second}`)).body.status).toBe("halted");
    for (const { serial, atMs, next } of noted) {
      const { body } = await explain(serial, `?atMs=${atMs}`);
      expect({ serial, atMs, next: body.next }).toEqual({ serial, atMs, next });
    }
  }, 60_000);

  it("tells why it did not update, with the log up to then and no further", async () => {
    const id = await draft(7);
    await say(id, "start");
    const atMs = api.clock.now;
    api.clock.now += 10 * minuteMs;
    await say(id, "pause");
    const serial = (await api.store.tx((tx) => tx.rollout(id)))!.holdBack[0]!;
    const then = (await explain(serial, `?atMs=${atMs}`)).body;
    expect(then.sequence).toBe(7);
    expect(then.why.answer).toMatch(
      /does not run release 7 because it is held back for comparison/,
    );
    expect(then.why.facts.map(({ text }: { text: string }) => text).join(" ")).not.toContain(
      "paused",
    );
    const now = (await explain(serial)).body;
    expect(now.atMs).toBe(api.clock.now);
    expect(now.why.answer).toContain('because rollout "to 7" is paused since 2027-01-15T');
  });

  it("is refused for a time before the history, to come, or of a device nobody knows", async () => {
    const early = await explain("SN-0001", `?atMs=${startMs - 1}`);
    expect([early.status, early.body.code]).toEqual([404, 678]);
    expect(early.body.detail).toContain("it begins at 2027-01-15T08:00:00Z");
    expect((await explain("SN-0001", `?atMs=${startMs + 1}`)).body.code).toBe(600);
    expect((await explain("SN-9999")).status).toBe(404);
    expect((await explain("SN-0001")).body).toMatchObject({
      next: { code: "noRollout" },
      sequence: null,
      why: null,
    });
  });

  it("costs one snapshot for each change, and none for a contact", async () => {
    const count = () =>
      api.store.tx((tx) => tx.documents.count({ name: "deviceSnapshot" }, { ref: "SN-0001" }));
    expect(await count()).toBe(1);
    for (let minute = 1; minute <= 5; minute++) {
      api.clock.now += minuteMs;
      await change("SN-0001", { lastSeenMs: api.clock.now });
    }
    expect(await count()).toBe(1);
    await change("SN-0001", { site: "shop" });
    expect(await count()).toBe(2);
    await expect(
      api.store.tx(async (tx) => {
        await tx.putDevice({ ...(await tx.device("SN-0001"))!, site: "other" });
        throw new Error("rolled back");
      }),
    ).rejects.toThrow("rolled back");
    expect(await count()).toBe(2);
    api.clock.now += minuteMs;
    await change("SN-0001", { site: "other" });
    expect(await count()).toBe(3);
  });
});
