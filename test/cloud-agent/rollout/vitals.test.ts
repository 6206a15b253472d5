import { describe, expect, test } from "vitest";
import { draftRollout } from "../../../cloud-agent/core/rollout/control.ts";
import { parsePolicy } from "../../../cloud-agent/core/rollout/policy.ts";
import { leastSquares, median, rankSumP } from "../../../cloud-agent/core/rollout/stats.ts";
import type { RolloutRecord, VitalsSample } from "../../../cloud-agent/core/rollout/types.ts";
import { judgeVitals } from "../../../cloud-agent/core/rollout/vitals.ts";
import { dayMs, factsFor, hourMs, policyJson } from "./fleet.ts";

describe("statistics", () => {
  test("a least-squares line has the textbook slope and standard error", () => {
    const line = leastSquares([
      [1, 1],
      [2, 2],
      [3, 1.3],
      [4, 3.75],
      [5, 2.25],
    ])!;
    expect(line.slope).toBeCloseTo(0.425, 6);
    expect(line.error).toBeCloseTo(0.3049, 3);
    expect(
      leastSquares([
        [1, 1],
        [1, 2],
        [1, 3],
      ]),
    ).toBeNull();
  });

  test("the rank-sum test agrees with the normal approximation of a known table", () => {
    expect(rankSumP([6, 7, 8, 9, 10], [1, 2, 3, 4, 5])).toBeCloseTo(0.0061, 4);
    expect(rankSumP([1, 2, 3, 4, 5], [6, 7, 8, 9, 10])).toBeGreaterThan(0.99);
    expect(rankSumP([1, 1, 1], [1, 1, 1])).toBe(1);
    expect(median([3, 1, 2, 10])).toBe(2.5);
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
  return judgeVitals(record, vitals, updated, others, 2 * dayMs);
}

describe("the vitals gate", () => {
  test("finds four times the drain with one device against ten", () => {
    const result = judge({ fresh: 1, held: 10, factor: 4, mvPerDay: 20, noiseMv: 1, seed: 1 });
    expect(result.isWorse).toBe(true);
    expect(result.words).toMatch(
      /^battery slope of the 1 confirmed canary is [345]\.\d times that of the 10 held back$/,
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
      return judgeVitals(record, vitals, [canary], held, 2 * dayMs).isWorse;
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
    const judgeWith = (heldCount: number, soakStartedMs: number | null, others = [held]) =>
      judgeVitals(
        { ...record, soakStartedMs },
        { [canary.serial]: own, [held.serial]: from(dayMs, 6, 40, heldCount) },
        [canary],
        others,
        dayMs + 8 * hourMs + policy.waves[0]!.soakMs,
      );
    expect(judgeWith(2, null)).toMatchObject({ isWorse: false, waitingFor: ["puckjs"] });
    expect(judgeWith(8, null)).toMatchObject({ isWorse: false, waitingFor: [] });
    // Nobody is left on the old release: the past is all there is, and it counts when the soak is over.
    expect(judgeWith(0, null, []).isWorse).toBe(false);
    expect(judgeWith(0, dayMs, []).isWorse).toBe(true);
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
    expect(judgeVitals(record, vitals, fresh, old, dayMs)).toEqual({
      isWorse: false,
      words: null,
      waitingFor: ["puckjs"],
    });
  });
});
