import {
  earlyLookAt,
  earlyLookShare,
  gateShare,
  laterPauseMsMin,
  laterPauseShare,
  laterShare,
} from "./limits.ts";

/** One look at a wave's vitals. */
export interface Look {
  /** counts from 0: early looks, then the gate's, then later ones */
  index: number;
  kind: "early" | "gate" | "later";
  /** share of the wave's false-alarm budget this look may spend */
  share: number;
}

/** Says which look is due. Pure. Looks are planned before any data, each has a share of its own that is spent once, and
 *  one that was missed is not made up for: so the shares of all looks that are ever made add up to at most 1.
 *  @param done index of the newest look made in this wave, null for none
 *  @param lookedMs when it was made
 *  @returns null when none is due */
export function lookDue(
  wave: { soakStartedMs: number | null; soakMs: number; isGateOpen: boolean },
  done: number | null,
  lookedMs: number,
  nowMs: number,
): Look | null {
  if (wave.soakStartedMs === null) return null;
  const soakedMs = nowMs - wave.soakStartedMs;
  const gate = earlyLookAt.length;
  const last = done ?? -1;
  if (soakedMs < wave.soakMs) {
    const reached = earlyLookAt.filter((at) => soakedMs >= at * wave.soakMs).length - 1;
    return reached > last ? { index: reached, kind: "early", share: earlyLookShare } : null;
  }
  // The last wave's gate opens only when nobody is on the way any more; until then its verdict would be an old one.
  if (last < gate) {
    return wave.isGateOpen ? { index: gate, kind: "gate", share: gateShare } : null;
  }
  const count = last - gate + 1;
  const pauseMs =
    Math.max(laterPauseMsMin, laterPauseShare * wave.soakMs) * 2 ** Math.min(30, count - 1);
  if (nowMs - lookedMs < pauseMs) return null;
  // Σ 1 / (n (n + 1)) = 1 over all later looks, however many come.
  return { index: last + 1, kind: "later", share: laterShare / (count * (count + 1)) };
}

/** Budget of one wave: halved with each, so that any number of waves stays below the whole. Pure. */
export function waveBudget(falseAlarm: number, wave: number): number {
  return falseAlarm / 2 ** (wave + 1);
}

/** Largest p at which one comparison halts. Bonferroni: metrics share evenly; of a metric's part one half is for all
 *  boards together, the other is shared by the boards; a single board has all of it. Pure. */
export function comparisonLimit(
  budget: number,
  share: number,
  metrics: number,
  boards: number,
  isAll: boolean,
): number {
  const each = (budget * share) / metrics;
  if (boards < 2) return each;
  return isAll ? each / 2 : each / 2 / boards;
}
