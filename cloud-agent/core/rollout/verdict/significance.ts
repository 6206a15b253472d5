import { exactDevicesMax, priorFreedom, rankDevicesMin, rankReach } from "./limits.ts";
import { logChoose, normalTail, studentTail } from "./tails.ts";

/** One board's values on both sides. */
export interface Stratum {
  fresh: number[];
  base: number[];
}

/** Probability that chance alone lifts the fresh values over the base this far, comparing within boards only. Pure.
 *  With enough devices a rank test (Wilcoxon's; van Elteren's over several boards): its distribution follows from the
 *  devices having been drawn by hash, whatever the values look like. With few, Student's t with a prior spread.
 *  @param limit p below which the result halts; the rank test is used where it can reach it
 *  @param prior spread that is assumed of devices, in units of the values */
export function upperP(strata: Stratum[], limit: number, prior: number): number {
  const fresh = strata.reduce((sum, one) => sum + one.fresh.length, 0);
  const base = strata.reduce((sum, one) => sum + one.base.length, 0);
  if (fresh === 0 || base === 0) return 1;
  const reach = strata.reduce(
    (sum, one) => sum - logChoose(one.fresh.length + one.base.length, one.fresh.length),
    Math.log(rankReach),
  );
  const canRank = Math.min(fresh, base) >= rankDevicesMin && reach <= Math.log(limit);
  if (!canRank) return priorT(strata, prior);
  const p = rankP(strata);
  // The approximation is loose in far tails of small or uneven groups, so what it finds is counted out.
  const only = strata.length === 1 ? strata[0]! : null;
  if (only === null || p > limit || fresh + base > exactDevicesMax) return p;
  return exactRankP(only);
}

/** Van Elteren's test, one-sided: rank sums within strata, weighted by 1 / (devices + 1). With one stratum Wilcoxon's.
 *  Normal approximation, mid-ranks for ties, continuity correction. */
export function rankP(strata: Stratum[]): number {
  let sum = 0;
  let variance = 0;
  let correction = 0;
  for (const { fresh, base } of strata) {
    const devices = fresh.length + base.length;
    if (fresh.length === 0 || base.length === 0) continue;
    const { doubled, ties } = ranksOf(fresh, base);
    const weight = 1 / (devices + 1);
    const rankSum = doubled.slice(0, fresh.length).reduce((total, rank) => total + rank, 0) / 2;
    sum += weight * (rankSum - (fresh.length * (devices + 1)) / 2);
    const pairs = fresh.length * base.length;
    const spread = devices + 1 - ties / (devices * Math.max(1, devices - 1));
    variance += weight * weight * (pairs / 12) * spread;
    correction = Math.max(correction, weight / 2);
  }
  if (!(variance > 0)) return 1;
  return normalTail((sum - correction) / Math.sqrt(variance));
}

/** Share of all ways to draw the fresh devices whose rank sum is at least the one found. Ties take mid-ranks. */
export function exactRankP({ fresh, base }: Stratum): number {
  const { doubled } = ranksOf(fresh, base);
  const found = doubled.slice(0, fresh.length).reduce((total, rank) => total + rank, 0);
  const take = fresh.length;
  const most = doubled.reduce((total, rank) => total + rank, 0);
  const width = most + 1;
  // ways[k * width + s]: probability weight of k devices with rank sum s, scaled at each device so that none overflows
  const ways = new Float64Array((take + 1) * width);
  ways[0] = 1;
  let seen = 0;
  let reached = 0;
  for (const rank of doubled) {
    seen++;
    reached += rank;
    const share = Math.min(seen, take);
    for (let k = share; k >= 1; k--) {
      const row = k * width;
      const below = row - width;
      for (let s = reached; s >= rank; s--) {
        const more = ways[below + s - rank]!;
        if (more !== 0) ways[row + s]! += more;
      }
    }
  }
  let total = 0;
  let upper = 0;
  const row = take * width;
  for (let s = 0; s < width; s++) {
    total += ways[row + s]!;
    if (s >= found) upper += ways[row + s]!;
  }
  return upper / total;
}

/** Twice the mid-ranks (so that they are whole), fresh first, and Σ(t³ − t) over ties. */
function ranksOf(fresh: number[], base: number[]): { doubled: number[]; ties: number } {
  const all = [...fresh, ...base];
  const order = all.map((_, index) => index).sort((left, right) => all[left]! - all[right]!);
  const doubled = new Array<number>(all.length).fill(0);
  let ties = 0;
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to < order.length && all[order[to]!] === all[order[from]!]) to++;
    for (let at = from; at < to; at++) doubled[order[at]!] = from + 1 + to;
    ties += (to - from) ** 3 - (to - from);
    from = to;
  }
  return { doubled, ties };
}

/** Student's t over all strata, with the spread of the base devices and a prior one worth `priorFreedom` of them: one or
 *  two devices say little of their own spread. The fresh devices' spread is left out, so that one of them that got much
 *  worse never hides the others. */
export function priorT(strata: Stratum[], prior: number): number {
  let squares = priorFreedom * prior * prior;
  let freedom = priorFreedom;
  let sum = 0;
  let weights = 0;
  for (const { fresh, base } of strata) {
    if (fresh.length === 0 || base.length === 0) continue;
    const mean = meanOf(base);
    squares += base.reduce((total, value) => total + (value - mean) ** 2, 0);
    freedom += base.length - 1;
    const weight = (fresh.length * base.length) / (fresh.length + base.length);
    sum += weight * (meanOf(fresh) - mean);
    weights += weight;
  }
  if (weights === 0) return 1;
  // Each difference has variance s² / weight, so the weighted sum has s² · weights.
  const spread = Math.sqrt(squares / freedom) * Math.sqrt(weights);
  return spread > 0 ? studentTail(sum / spread, freedom) : 1;
}

function meanOf(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Devices of one board on each side, and how many of them show a thing. */
export interface Counted {
  fresh: number;
  freshHits: number;
  base: number;
  baseHits: number;
}

/** Fisher's exact test over boards: the chance that, of all hits of each board, at least as many fall on fresh devices
 *  by the draw alone. Holds for any number of devices. */
export function hitsP(strata: Counted[]): number {
  let chances = [1];
  let found = 0;
  for (const one of strata) {
    if (one.fresh === 0 || one.base === 0) continue;
    found += one.freshHits;
    chances = convolve(chances, hypergeometric(one));
  }
  let p = 0;
  for (let at = chances.length - 1; at >= found; at--) p += chances[at]!;
  return Math.min(1, p);
}

/** Chance of 0, 1, 2 … hits among the fresh. */
function hypergeometric({ fresh, freshHits, base, baseHits }: Counted): number[] {
  const hits = freshHits + baseHits;
  const all = logChoose(fresh + base, hits);
  return Array.from({ length: Math.min(fresh, hits) + 1 }, (_, count) =>
    hits - count > base
      ? 0
      : Math.exp(logChoose(fresh, count) + logChoose(base, hits - count) - all),
  );
}

function convolve(left: number[], right: number[]): number[] {
  const result = new Array<number>(left.length + right.length - 1).fill(0);
  for (const [at, one] of left.entries()) {
    for (const [by, other] of right.entries()) result[at + by]! += one * other;
  }
  return result;
}
