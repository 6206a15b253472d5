import { describe, expect, test } from "vitest";
import { draftRollout } from "../../../cloud-agent/core/rollout/control.ts";
import { parsePolicy } from "../../../cloud-agent/core/rollout/policy.ts";
import { median } from "../../../cloud-agent/core/rollout/stats.ts";
import type {
  DeviceFacts,
  RolloutRecord,
  VitalsSample,
} from "../../../cloud-agent/core/rollout/types.ts";
import { isWorse, judge as judgeLook } from "../../../cloud-agent/core/rollout/verdict/judge.ts";
import { batterySlope } from "../../../cloud-agent/core/rollout/verdict/measures.ts";
import {
  exactRankP,
  hitsP,
  priorT,
  rankP,
} from "../../../cloud-agent/core/rollout/verdict/significance.ts";
import type { Look } from "../../../cloud-agent/core/rollout/verdict/spending.ts";
import { summaryOf } from "../../../cloud-agent/core/rollout/verdict/summary.ts";
import { studentTail } from "../../../cloud-agent/core/rollout/verdict/tails.ts";
import { dayMs, factsFor, hourMs, policyJson } from "./fleet.ts";

const gate: Look = { index: 3, kind: "gate", share: 0.5 };
const early: Look = { index: 1, kind: "early", share: 0.125 };

/** One look at raw rows. */
function judgeRows(
  record: RolloutRecord,
  rows: Record<string, VitalsSample[]>,
  updated: DeviceFacts[],
  others: DeviceFacts[],
  look = gate,
  nowMs = 2 * dayMs,
) {
  const cut = (one: VitalsSample[]) => summaryOf(one, record.waveStartedMs);
  const vitals = Object.fromEntries(Object.entries(rows).map(([key, one]) => [key, cut(one)]));
  const judged = judgeLook(record, vitals, updated, others, look, nowMs);
  const { waitingFor } = judged.figures;
  const waiting = waitingFor.map((one) => `${one.metric} ${one.board}`);
  return { isWorse: isWorse(judged), words: judged.words, waiting, judged };
}

describe("statistics", () => {
  test("a battery slope has the textbook least-squares line and standard error", () => {
    const points: [number, number][] = [
      [1, 1],
      [2, 2],
      [3, 1.3],
      [4, 3.75],
      [5, 2.25],
    ];
    const rows = points.map(([day, used]) => ({
      atMs: day * dayMs,
      sequence: 6,
      values: { batteryMv: [0, 0, 3000 - 10 * used] },
    }));
    const line = batterySlope(summaryOf(rows, 0).buckets, 5)!;
    expect(line.value).toBeCloseTo(4.25, 6);
    expect(line.error).toBeCloseTo(3.049, 2);
    expect(batterySlope(summaryOf(rows, 0).buckets, 6)).toBeNull();
    const once = rows.map((row) => ({ ...row, atMs: dayMs }));
    expect(batterySlope(summaryOf(once, 0).buckets, 3)).toBeNull();
  });

  test("the rank test agrees with known tables, approximated and counted out", () => {
    const upper = { fresh: [6, 7, 8, 9, 10], base: [1, 2, 3, 4, 5] };
    expect(rankP([upper])).toBeCloseTo(0.0061, 4);
    expect(exactRankP(upper)).toBeCloseTo(1 / 252, 9);
    expect(exactRankP({ fresh: upper.base, base: upper.fresh })).toBe(1);
    expect(rankP([{ fresh: [1, 1, 1], base: [1, 1, 1] }])).toBe(1);
    expect(exactRankP({ fresh: [1, 1, 1], base: [1, 1, 1] })).toBe(1);
    expect(median([3, 1, 2, 10])).toBe(2.5);
  });

  test("the exact test over boards is Fisher's", () => {
    // Fisher's tea: 3 of 4 right, 1 of 4 wrong.
    const tea = { fresh: 4, freshHits: 3, base: 4, baseHits: 1 };
    expect(hitsP([tea])).toBeCloseTo(17 / 70, 9);
    const sure = { fresh: 4, freshHits: 4, base: 4, baseHits: 0 };
    expect(hitsP([sure])).toBeCloseTo(1 / 70, 9);
    expect(hitsP([sure, sure])).toBeCloseTo(1 / 4900, 9);
    expect(hitsP([{ fresh: 3, freshHits: 0, base: 3, baseHits: 0 }])).toBeCloseTo(1, 9);
  });

  test("Student's tail agrees with the table, and one device's test uses the prior spread", () => {
    expect(studentTail(2.228, 10)).toBeCloseTo(0.025, 4);
    expect(studentTail(4.144, 10)).toBeCloseTo(0.001, 4);
    expect(studentTail(-1, 5)).toBeCloseTo(1 - studentTail(1, 5), 12);
    // Spread 0.3 with 4 degrees of freedom and two devices that agree: t = 3 / √(4·0.09/5 · 1.5) = 9.13 at 5.
    const strata = [{ fresh: [4], base: [1, 1] }];
    expect(priorT(strata, 0.3)).toBeCloseTo(studentTail(9.1287, 5), 7);
  });
});

/** Numbers as even as dice, the same in each run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 0x1_0000_0000;
  };
}

interface Case {
  fresh: number;
  held: number;
  /** drain of the new release as a multiple of the old one's */
  factor: number;
  mvPerDay: number;
  noiseMv: number;
  seed: number;
  isCharge?: boolean;
}

/** Judges one soak of a day with hourly samples of puckjs devices whose own drain differs by 30 %. */
function judge({ fresh, held, factor, mvPerDay, noiseMv, seed, isCharge }: Case) {
  const random = seeded(seed);
  const vitals: Record<string, VitalsSample[]> = {};
  const device = (index: number, isNew: boolean) => {
    const facts = factsFor(index, "puckjs", isNew ? { runningSequence: 7 } : {});
    const perDay = mvPerDay * (0.85 + 0.3 * random()) * (isNew ? factor : 1);
    vitals[facts.serial] = Array.from({ length: 24 }, (_, hour) => {
      const noise = (random() + random() + random() - 1.5) * 2 * noiseMv;
      const used = (perDay * hour) / 24;
      // A restart at noon begins the charge counter again.
      const charge = Math.round(1000 * (hour < 12 ? used : used - perDay / 2));
      const values: Record<string, number[]> = isCharge
        ? { chargeMicroAh: [charge] }
        : { batteryMv: [0, 0, Math.round(3000 - used + noise)] };
      return { atMs: dayMs + hour * hourMs, sequence: isNew ? 7 : 6, values };
    });
    return facts;
  };
  const updated = Array.from({ length: fresh }, (_, index) => device(index, true));
  const others = Array.from({ length: held }, (_, index) => device(1000 + index, false));
  const policy = parsePolicy(policyJson());
  const record: RolloutRecord = {
    ...draftRollout("r1", policy),
    status: "running",
    waveStartedMs: dayMs,
    soakStartedMs: dayMs,
    holdBack: others.map((one) => one.serial),
  };
  return judgeRows(record, vitals, updated, others);
}

describe("the vitals gate", () => {
  test("finds four times the drain with one device against ten", () => {
    const result = judge({ fresh: 1, held: 10, factor: 4, mvPerDay: 20, noiseMv: 1, seed: 1 });
    expect(result.isWorse).toBe(true);
    expect(result.words).toMatch(
      /^battery slope of the 1 confirmed puckjs canary is [345]\.\d times that of the 10 held back \(limit 1\.5, by chance 1 in [\d,]+\)/,
    );
  });

  test("counts charge over a restart of its counter", () => {
    const base = { fresh: 2, held: 10, mvPerDay: 0.5, noiseMv: 0, seed: 2, isCharge: true };
    expect(judge({ ...base, factor: 4 }).isWorse).toBe(true);
    expect(judge({ ...base, factor: 1 }).isWorse).toBe(false);
  });

  test.each([
    [1, 3],
    [3, 10],
    [10, 10],
    [1, 1],
  ])(
    "does not take noise for drain: %i new against %i held back, 500 soaks each",
    (fresh, held) => {
      let halts = 0;
      for (let seed = 1; seed <= 500; seed++) {
        // Twenty times more noise than drain: what a coin cell at rest looks like over a day.
        halts += Number(
          judge({ fresh, held, factor: 1, mvPerDay: 0.5, noiseMv: 10, seed }).isWorse,
        );
      }
      expect(halts).toBeLessThanOrEqual(5);
    },
  );

  test("finds four times the drain in at least 95 of 100 noisy soaks with ten devices on each side", () => {
    let found = 0;
    for (let seed = 1; seed <= 100; seed++) {
      found += Number(
        judge({ fresh: 10, held: 10, factor: 4, mvPerDay: 10, noiseMv: 5, seed }).isWorse,
      );
    }
    expect(found).toBeGreaterThanOrEqual(95);
  });

  test("does not call a canary worse than a held-back device that drains as much", () => {
    const policy = parsePolicy(policyJson());
    const steady = (sequence: number, perHour: number) =>
      Array.from({ length: 24 }, (_, hour) => {
        const values = { chargeMicroAh: [perHour * hour] };
        return { atMs: dayMs + hour * hourMs, sequence, values };
      });
    const held = [1, 2, 3, 4].map((index) => factsFor(index, "puckjs"));
    const canary = factsFor(9, "puckjs", { runningSequence: 7 });
    const record = {
      ...draftRollout("r1", policy),
      waveStartedMs: dayMs,
      holdBack: held.map((one) => one.serial),
    };
    const judgeWith = (hungry: number) => {
      const vitals: Record<string, VitalsSample[]> = { [canary.serial]: steady(7, 40) };
      held.forEach((one, index) => {
        vitals[one.serial] = steady(6, index === 0 ? hungry : 10);
      });
      return judgeRows(record, vitals, [canary], held).isWorse;
    };
    expect(judgeWith(10)).toBe(true);
    expect(judgeWith(45)).toBe(false);
  });

  test("waits for devices on the old release rather than halt for a device's own past", () => {
    const policy = parsePolicy(policyJson());
    const from = (startMs: number, sequence: number, perHour: number, count: number) =>
      Array.from({ length: count }, (_, hour) => ({
        atMs: startMs + hour * hourMs,
        sequence,
        values: { chargeMicroAh: [100_000 + perHour * hour] },
      }));
    const canary = factsFor(9, "puckjs", { runningSequence: 7 });
    const held = factsFor(1, "puckjs");
    // A quiet time, perhaps on a shelf, and then a busier one that a device held back shares.
    const own = [...from(0, 6, 1, 12), ...from(dayMs, 7, 40, 8)];
    const record = { ...draftRollout("r1", policy), waveStartedMs: dayMs, holdBack: [held.serial] };
    const judgeWith = (heldCount: number, look: Look, others = [held]) =>
      judgeRows(
        record,
        { [canary.serial]: own, [held.serial]: from(dayMs, 6, 40, heldCount) },
        [canary],
        others,
        look,
      );
    expect(judgeWith(2, early)).toMatchObject({ isWorse: false, waiting: ["battery puckjs"] });
    expect(judgeWith(8, early)).toMatchObject({ isWorse: false, waiting: [] });
    // Nobody is left on the old release: the past is all there is, and it counts when the soak is over.
    expect(judgeWith(0, early, []).isWorse).toBe(false);
    expect(judgeWith(0, gate, []).isWorse).toBe(true);
  });

  test("leaves boards without a battery out and waits for boards with too few samples", () => {
    const policy = parsePolicy(policyJson());
    const record = { ...draftRollout("r1", policy), waveStartedMs: dayMs };
    const at = (sequence: number, values: Record<string, number[]>) => [
      { atMs: dayMs + 1, sequence, values },
    ];
    const fresh = [factsFor(1, "puckjs"), factsFor(1, "linux")];
    const old = [factsFor(2, "puckjs"), factsFor(2, "linux")];
    const vitals = {
      "PU-0001": at(7, { batteryMv: [1, 1, 3000] }),
      "PU-0002": at(6, { batteryMv: [1, 1, 3000] }),
      "LI-0001": at(7, { uptimeS: [5] }),
      "LI-0002": at(6, { uptimeS: [5] }),
    };
    expect(judgeRows(record, vitals, fresh, old, gate, dayMs)).toMatchObject({
      isWorse: false,
      words: null,
      waiting: ["battery puckjs"],
    });
  });
});
