import type { DeviceFacts, RolloutRecord } from "../types.ts";
import { resultOf, type Spending } from "./compare.ts";
import { missedPromises, ownPastFactor, quietGraceMs } from "./limits.ts";
import { crashRate } from "./measures.ts";
import type { BoardSides, DeviceVitals } from "./sides.ts";
import { type Counted, hitsP } from "./significance.ts";
import { comparisonLimit } from "./spending.ts";
import type { Baseline, Comparison } from "./types.ts";

/** One board's counts, and the figures people read. */
interface BoardHits extends Counted {
  board: string;
  baseline: Baseline;
  /** sums of what is divided for the figures: crashes over days, or quiet devices over devices */
  freshSum: number;
  freshOver: number;
  baseSum: number;
  baseOver: number;
}

/** Crashes: a hit is a device that crashed more often per day than before the wave. Pure. */
export function compareCrashes(
  record: RolloutRecord,
  boards: BoardSides[],
  spending: Spending,
): Comparison[] {
  const isEarly = spending.look.kind === "early";
  const hits = boards.flatMap((sides): BoardHits[] => {
    const fresh = crashes(sides.fresh);
    const held = crashes(sides.held);
    const old = held.length > 0 ? held : crashes(sides.old);
    if (fresh.length === 0) return [];
    const baseline: Baseline = held.length > 0 ? "heldBack" : "notUpdated";
    if (old.length > 0) return [boardHits(sides.board, baseline, fresh, old)];
    if (isEarly) return [];
    // Against the past alone: whoever has a past at least as long, so that it had as many chances to crash.
    const both = fresh.filter((one) => one.pastDays >= one.days);
    const past = both.map(({ pastRate, pastDays }) => ({
      rate: pastRate,
      days: pastDays,
      isHit: pastRate > 0,
    }));
    const now = both.map(({ rate, days }) => ({ rate, days, isHit: rate > 0 }));
    return both.length === 0 ? [] : [boardHits(sides.board, "ownPast", now, past)];
  });
  return compareHits("crashes", record.policy.thresholds.crashesPerDay, hits, spending);
}

interface Crashes {
  rate: number;
  days: number;
  isHit: boolean;
}

function crashes(devices: DeviceVitals[]): (Crashes & { pastRate: number; pastDays: number })[] {
  return devices.flatMap((device) => {
    const now = crashRate(device.now);
    if (now === null) return [];
    const past = crashRate(device.past);
    const pastRate = past?.value ?? 0;
    const isHit = now.value > pastRate;
    return [{ rate: now.value, days: now.days, isHit, pastRate, pastDays: past?.days ?? 0 }];
  });
}

function boardHits(
  board: string,
  baseline: Baseline,
  fresh: Crashes[],
  base: Crashes[],
): BoardHits {
  const sum = (side: Crashes[], read: (one: Crashes) => number) =>
    side.reduce((total, one) => total + read(one), 0);
  return {
    board,
    baseline,
    fresh: fresh.length,
    freshHits: sum(fresh, (one) => Number(one.isHit)),
    base: base.length,
    baseHits: sum(base, (one) => Number(one.isHit)),
    freshSum: sum(fresh, (one) => one.rate * one.days),
    freshOver: sum(fresh, (one) => one.days),
    baseSum: sum(base, (one) => one.rate * one.days),
    baseOver: sum(base, (one) => one.days),
  };
}

/** Silence after the update, against the silence of devices on the old release. A device takes part when it had contact
 *  since the wave began (and since it was told of the release); it is quiet when it broke its promise several times in
 *  a row. Needs no vitals. Pure; O(devices). */
export function compareSilence(
  record: RolloutRecord,
  updated: DeviceFacts[],
  others: DeviceFacts[],
  spending: Spending,
  nowMs: number,
): Comparison[] {
  const held = new Set(record.holdBack);
  const boards = new Map<string, { fresh: Counted; held: Counted; old: Counted }>();
  const blank = (): Counted => ({ fresh: 0, freshHits: 0, base: 0, baseHits: 0 });
  for (const device of [...updated, ...others]) {
    const entry = record.progress?.[device.serial];
    const isFresh = entry !== undefined && entry.deliveredMs !== null;
    if ((isFresh && entry.cause !== null) || (entry !== undefined && !isFresh)) continue;
    const sinceMs = Math.max(record.waveStartedMs, entry?.deliveredMs ?? 0);
    if (device.lastSeenMs === null || device.lastSeenMs < sinceMs) continue;
    let counts = boards.get(device.board);
    if (counts === undefined) {
      counts = { fresh: blank(), held: blank(), old: blank() };
      boards.set(device.board, counts);
    }
    const isQuiet = Number(hasGoneQuiet(device, nowMs));
    if (isFresh) {
      counts.fresh.fresh++;
      counts.fresh.freshHits += isQuiet;
      continue;
    }
    for (const side of held.has(device.serial) ? [counts.held, counts.old] : [counts.old]) {
      side.base++;
      side.baseHits += isQuiet;
    }
  }
  const hits = [...boards].flatMap(([board, counts]): BoardHits[] => {
    const isHeld = counts.held.base > 0;
    const { base, baseHits } = isHeld ? counts.held : counts.old;
    const { fresh, freshHits } = counts.fresh;
    if (fresh === 0 || base === 0) return [];
    const sums = { freshSum: freshHits, freshOver: fresh, baseSum: baseHits, baseOver: base };
    const baseline = isHeld ? "heldBack" : "notUpdated";
    return [{ board, baseline, fresh, freshHits, base, baseHits, ...sums }];
  });
  return compareHits("silence", record.policy.thresholds.silentShare, hits, spending);
}

/** True when a device broke several promises in a row. */
export function hasGoneQuiet(device: DeviceFacts, nowMs: number): boolean {
  const pauseMs = device.nextCheckInS * 1000;
  return nowMs - (device.lastSeenMs ?? 0) > missedPromises * pauseMs + quietGraceMs;
}

function compareHits(
  metric: "crashes" | "silence",
  threshold: number,
  hits: BoardHits[],
  { look, budget, metrics }: Spending,
): Comparison[] {
  const one = (board: string | null, strata: BoardHits[]): Comparison => {
    const sum = (read: (each: BoardHits) => number) =>
      strata.reduce((total, each) => total + read(each), 0);
    const freshValue = sum((each) => each.freshSum) / sum((each) => each.freshOver);
    const baseValue = sum((each) => each.baseSum) / sum((each) => each.baseOver);
    const isPast = strata.some((each) => each.baseline === "ownPast");
    const isOld = strata.some((each) => each.baseline === "notUpdated");
    const pLimit = comparisonLimit(budget, look.share, metrics, hits.length, board === null);
    const limit = isPast ? threshold * ownPastFactor : threshold;
    const effect = freshValue - baseValue;
    const p = hitsP(strata);
    return {
      metric,
      board,
      fresh: sum((each) => each.fresh),
      base: sum((each) => each.base),
      baseline: isPast ? "ownPast" : isOld ? "notUpdated" : "heldBack",
      freshValue,
      baseValue,
      effect,
      limit,
      p,
      pLimit,
      result: resultOf(effect, limit, p, pLimit),
    };
  };
  const comparisons = hits.map((each) => one(each.board, [each]));
  if (hits.length > 1) comparisons.push(one(null, hits));
  return comparisons;
}
