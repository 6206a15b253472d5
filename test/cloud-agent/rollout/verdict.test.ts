import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { draftRollout } from "../../../cloud-agent/core/rollout/control.ts";
import { parsePolicy } from "../../../cloud-agent/core/rollout/policy.ts";
import type { DeviceFacts, RolloutRecord } from "../../../cloud-agent/core/rollout/types.ts";
import { gateOf } from "../../../cloud-agent/core/rollout/verdict/gate.ts";
import {
  evidenceAgainst,
  isWorse,
  judge,
} from "../../../cloud-agent/core/rollout/verdict/judge.ts";
import {
  comparisonLimit,
  type Look,
  lookDue,
  waveBudget,
} from "../../../cloud-agent/core/rollout/verdict/spending.ts";
import {
  summaryOf,
  type VitalsSummary,
} from "../../../cloud-agent/core/rollout/verdict/summary.ts";
import { dayMs, factsFor, hourMs, newSequence, oldSequence, policyJson } from "./fleet.ts";

const seed = 20_260_901;
const gate: Look = { index: 3, kind: "gate", share: 0.5 };
const waveMs = 10 * dayMs;
const nowMs = waveMs + 2 * dayMs;

/** One device: charge per hour before and after, memory per hour, crashes. */
interface Life {
  board: string;
  isNew: boolean;
  perHour: number;
  leakPerHour?: number;
  crashesAtHours?: number[];
}

/** A fleet of lives with hourly samples two days before and two days after the wave began. */
function scene(lives: Life[], changes: Record<string, unknown> = {}) {
  const vitals: Record<string, VitalsSummary> = {};
  const updated: DeviceFacts[] = [];
  const others: DeviceFacts[] = [];
  for (const [index, life] of lives.entries()) {
    const facts = factsFor(index, life.board, { lastSeenMs: nowMs });
    let bootHour = -200;
    const rows = Array.from({ length: 96 }, (_, at) => {
      const hour = at - 48;
      const isNew = life.isNew && hour >= 0;
      if (life.crashesAtHours?.includes(hour)) bootHour = hour - 0.5;
      const charge = 1000 + 10 * hour + (isNew ? (life.perHour - 10) * hour : 0);
      const memory = 500 + (isNew ? (life.leakPerHour ?? 0) * hour : 0);
      const upS = (hour - bootHour) * 3600;
      const values = {
        chargeMicroAh: [charge],
        memoryUsedPermille: [memory, memory, memory],
        uptimeS: [upS],
        crashFreeS: [upS],
        resetReason: [5],
      };
      return { atMs: waveMs + hour * hourMs, sequence: isNew ? newSequence : oldSequence, values };
    });
    vitals[facts.serial] = summaryOf(rows, waveMs);
    if (life.isNew) updated.push({ ...facts, runningSequence: newSequence });
    else others.push(facts);
  }
  const record: RolloutRecord = {
    ...draftRollout("r1", parsePolicy(policyJson(changes))),
    status: "running",
    waveStartedMs: waveMs,
    soakStartedMs: waveMs,
    holdBack: others.map((one) => one.serial),
  };
  return { record, vitals, updated, others };
}

function judged({ record, vitals, updated, others }: ReturnType<typeof scene>, look = gate) {
  return judge(record, vitals, updated, others, look, nowMs);
}

const lives = (count: number, life: Partial<Life>): Life[] =>
  Array.from({ length: count }, (_, index) => ({
    board: "puckjs",
    isNew: false,
    perHour: 10 + (index % 5) / 2,
    ...life,
  }));

function worseKeys(result: ReturnType<typeof judged>): string[] {
  return result.figures.comparisons
    .filter((one) => one.result === "worse")
    .map((one) => `${one.metric} ${one.board ?? "all"}`);
}

describe("the false-alarm budget", () => {
  const waves = fc.record({
    soakMs: fc.integer({ min: 0, max: 10 * dayMs }),
    steps: fc.array(fc.integer({ min: 1, max: dayMs }), { minLength: 1, maxLength: 300 }),
  });

  test("is never overspent by the looks of a wave, however often the agent steps or misses one", () => {
    fc.assert(
      fc.property(waves, ({ soakMs, steps }) => {
        let atMs = 0;
        let done: number | null = null;
        let lookedMs = 0;
        let spent = 0;
        for (const pauseMs of steps) {
          atMs += pauseMs;
          const wave = { soakStartedMs: 0, soakMs, isGateOpen: true };
          const look = lookDue(wave, done, lookedMs, atMs);
          if (look === null) continue;
          expect(look.index).toBeGreaterThan(done ?? -1);
          spent += look.share;
          done = look.index;
          lookedMs = atMs;
        }
        expect(spent).toBeLessThanOrEqual(1);
      }),
      { seed },
    );
  });

  test("is shared by waves, metrics and boards without a rest", () => {
    let whole = 0;
    for (let wave = 0; wave < 16; wave++) whole += waveBudget(0.02, wave);
    expect(whole).toBeLessThan(0.02);
    const boards = 3;
    const each = comparisonLimit(0.01, 0.5, 5, boards, false);
    const all = comparisonLimit(0.01, 0.5, 5, boards, true);
    expect(5 * (boards * each + all)).toBeCloseTo(0.01 * 0.5, 12);
    expect(1 / each).toBeCloseTo(6000, 6);
    expect(comparisonLimit(0.01, 0.5, 5, 1, false)).toBeCloseTo(0.001, 12);
  });

  test("halts harmless releases no more often than it says, over all looks, metrics and boards", () => {
    let state = seed;
    const next = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 0x1_0000_0000;
    };
    const looks: Look[] = [0, 1, 2].map((index) => ({ index, kind: "early", share: 0.125 }));
    let halts = 0;
    const rollouts = 150;
    for (let run = 0; run < rollouts; run++) {
      // Unlike any bell curve: most drain little, some ten times as much; a few crash.
      const fleet = ["puckjs", "esp32"].flatMap((board) =>
        lives(24, { board }).map((life, index) => ({
          ...life,
          isNew: index % 2 === 0,
          perHour: 5 + 40 * next() ** 4,
          crashesAtHours: next() < 0.1 ? [Math.floor(48 * next())] : [],
        })),
      );
      // A fifth instead of a fiftieth, so that a test of this size could see it broken.
      const played = scene(fleet, { verdict: { falseAlarm: 0.2 } });
      halts += Number([...looks, gate].some((look) => isWorse(judged(played, look))));
    }
    // The canary's part is a tenth; three standard deviations of 150 draws are 11.
    expect(halts).toBeLessThanOrEqual(0.1 * rollouts + 11);
  });
});

describe("a verdict", () => {
  test("names drain on one board alone, and the board", () => {
    const fleet = scene([
      ...lives(12, { isNew: true }),
      ...lives(12, {}),
      ...lives(12, { board: "esp32", isNew: true, perHour: 20 }),
      ...lives(12, { board: "esp32" }),
    ]);
    const result = judged(fleet);
    expect(worseKeys(result)).toEqual(["battery esp32", "battery all"]);
    expect(result.words).toMatch(
      /^battery slope of the 12 confirmed esp32 canaries is 2\.0 times that of the 12 held back \(limit 1\.5, by chance 1 in [\d,]+\)/,
    );
  });

  test("names a leak and crashes with their figures", () => {
    const leak = judged(scene([...lives(12, { isNew: true, leakPerHour: 2 }), ...lives(12, {})]));
    expect(worseKeys(leak)).toEqual(["memory puckjs"]);
    expect(leak.words).toContain(
      "memory in use by the 12 confirmed puckjs canaries grows by 48 ‰ a day, by 0 ‰ for the 12 held back (limit 20 ‰ more",
    );
    const crashesAtHours = [10, 34];
    const crash = judged(scene([...lives(12, { isNew: true, crashesAtHours }), ...lives(12, {})]));
    expect(worseKeys(crash)).toEqual(["crashes puckjs"]);
    expect(crash.words).toContain("crash 1.0 times a day, the 12 held back 0 times");
  });

  test("halts neither for a small difference that is sure nor for a large one that may be chance", () => {
    const sure = judged(scene([...lives(30, { isNew: true, perHour: 13 }), ...lives(30, {})]));
    const small = sure.figures.comparisons.find((one) => one.metric === "battery")!;
    expect(small.p).toBeLessThan(small.pLimit);
    expect(small.result).toBe("fine");
    const crashesAtHours = [10, 20, 30];
    const one = lives(1, { isNew: true, crashesAtHours });
    const rare = judged(scene([...one, ...lives(4, { isNew: true }), ...lives(5, {})]));
    const large = rare.figures.comparisons.find((each) => each.metric === "crashes")!;
    expect(large.effect).toBeGreaterThan(large.limit);
    expect(large.p).toBeCloseTo(0.5, 9);
    expect(isWorse(rare)).toBe(false);
  });

  test("compares with devices that are not updated yet where none is held back, and with the past at last", () => {
    const fleet = scene([...lives(12, { isNew: true, perHour: 40 }), ...lives(12, {})]);
    const open = { ...fleet, record: { ...fleet.record, holdBack: [] } };
    const baselineOf = (result: ReturnType<typeof judged>) =>
      result.figures.comparisons.find((one) => one.metric === "battery")!.baseline;
    expect(baselineOf(judged(open))).toBe("notUpdated");
    const alone = judged({ ...open, others: [] });
    expect(baselineOf(alone)).toBe("ownPast");
    expect(worseKeys(alone)).toEqual(["battery puckjs"]);
    expect(alone.words).toContain("is 4.0 times that before the update");
    // 2.9 times is above the limit of 1.5, but the past alone asks for four times the distance from 1.
    const mild = scene(lives(12, { isNew: true, perHour: 29 }));
    expect(isWorse(judged(mild))).toBe(false);
  });

  test("shows evidence that was accepted and does not count it again; another board counts", () => {
    const bad = (board: string) => [
      ...lives(12, { board, isNew: true, perHour: 40 }),
      ...lives(12, { board }),
    ];
    const fleet = scene(bad("puckjs"));
    const acknowledgedVitals = evidenceAgainst(judged(fleet));
    expect(acknowledgedVitals).toEqual(["battery:all", "battery:puckjs"]);
    const accept = (one: ReturnType<typeof scene>) =>
      judged({ ...one, record: { ...one.record, acknowledgedVitals } });
    const again = accept(fleet);
    expect(isWorse(again)).toBe(false);
    expect(again.figures.comparisons[0]).toMatchObject({ result: "acknowledged" });
    expect(again.words).toContain("accepted");
    const both = accept(scene([...bad("puckjs"), ...bad("esp32")]));
    expect(worseKeys(both)).toEqual(["battery esp32"]);
  });

  test("judges a custom metric in the direction the policy names", () => {
    const fleet = scene([...lives(12, { isNew: true }), ...lives(12, {})], {
      thresholds: { metrics: { light: { worse: "down", by: 5 } } },
    });
    const withLight = (light: number) => {
      for (const [serial, summary] of Object.entries(fleet.vitals)) {
        const isNew = fleet.updated.some((one) => one.serial === serial);
        for (const bucket of summary.buckets) {
          const value = isNew && bucket.sequence === newSequence ? light : 20;
          bucket.metrics = { light: { count: 12, sum: 12 * value } };
        }
      }
      return worseKeys(judged(fleet));
    };
    expect(withLight(10)).toEqual(["m.light puckjs"]);
    expect(withLight(30)).toEqual([]);
    expect(withLight(17)).toEqual([]);
  });

  test("never turns from worse to fine when the updated devices get worse still", () => {
    const drains = fc.array(fc.double({ min: 5, max: 60, noNaN: true }), {
      minLength: 2,
      maxLength: 14,
    });
    const more = fc.array(fc.double({ min: 0, max: 200, noNaN: true }), {
      minLength: 14,
      maxLength: 14,
    });
    let worse = 0;
    fc.assert(
      fc.property(drains, drains, more, (fresh, base, extra) => {
        const fleet = (added: number[]) =>
          scene([
            ...fresh.map((perHour, index) => ({
              board: "puckjs",
              isNew: true,
              perHour: 2 * perHour + added[index]!,
            })),
            ...base.map((perHour) => ({ board: "puckjs", isNew: false, perHour })),
          ]);
        if (!isWorse(judged(fleet(extra.map(() => 0))))) return;
        worse++;
        expect(isWorse(judged(fleet(extra)))).toBe(true);
      }),
      { seed, numRuns: 150 },
    );
    expect(worse).toBeGreaterThan(20);
  });
});

describe("a gate", () => {
  const base = scene([...lives(12, { isNew: true }), ...lives(12, {})]);
  const soakMs = base.record.policy.waves[0]!.soakMs;
  const at = (hours: number) => waveMs + soakMs + hours * hourMs;
  const withPolicy = (verdict: Record<string, unknown>): RolloutRecord => ({
    ...base.record,
    policy: parsePolicy(policyJson({ verdict })),
  });
  const few = judged(base);
  few.figures.waitingFor.push({ metric: "battery", board: "puckjs" });

  test("waits for missing samples until a stated time, then does what the policy says", () => {
    const waiting = withPolicy({ waitMs: 2 * hourMs, onTooFew: "promote" });
    expect(gateOf(waiting, few, at(1))).toEqual({
      result: "hold",
      why: "too few samples to compare the battery of puckjs; waits until 1970-01-12T02:00:00Z",
    });
    expect(gateOf(waiting, few, at(2))).toEqual({
      result: "promote",
      why: "too few samples to compare the battery of puckjs; goes on after 2 hours, as the policy says",
    });
    const person = withPolicy({ waitMs: 2 * hourMs, onTooFew: "hold" });
    expect(gateOf(person, few, at(500))).toEqual({
      result: "hold",
      why: "too few samples to compare the battery of puckjs; a person has to decide",
    });
  });

  test("holds for too few measured devices", () => {
    const result = gateOf(withPolicy({ devicesMin: 13 }), judged(base), at(0));
    expect(result).toMatchObject({
      result: "hold",
      why: expect.stringMatching(/^vitals of 12 updated devices, expected at least 13; waits/),
    });
    expect(gateOf(withPolicy({ devicesMin: 12 }), judged(base), at(0)).result).toBe("promote");
  });

  test("looks on for one more soak at most when a difference is large and not proved", () => {
    const suspect = judged(base);
    suspect.figures.comparisons[0]!.result = "suspect";
    expect(gateOf(base.record, suspect, at(0)).result).toBe("hold");
    expect(gateOf(base.record, suspect, at(soakMs / hourMs)).result).toBe("promote");
  });

  test("opens before no look of its own", () => {
    const early = judged(base, { index: 2, kind: "early", share: 0.125 });
    expect(gateOf(base.record, early, at(9)).result).toBe("wait");
    expect(gateOf(base.record, null, at(9)).result).toBe("wait");
  });
});
