/** For how long the agent has been listening. Silence is counted in this time: it passes evenly however the wall clock
 *  jumps, never goes back, and what a device could not say while nobody listened is not held against it. Pure. */
import { believeMs, gapMsMin, gapsMax } from "./limits.ts";

/** A time in which nobody listened. */
export interface Gap {
  /** even milliseconds, see Listening */
  fromMs: number;
  untilMs: number;
  /** how far the wall clock went ahead of the even one in it, or the whole of it while the agent was stopped */
  jumpMs: number;
}

/** Stored, so that an agent that starts goes on with it. */
export interface Listening {
  /** milliseconds that pass evenly; begins at the wall clock's time of the first start */
  steadyMs: number;
  /** what the wall clock showed then */
  wallMs: number;
  /** oldest first */
  gaps: Gap[];
}

/** Goes on after a stop, whose length only the wall clock tells; one that went back tells nothing.
 *  @param before what was stored; null at the first start */
export function resumeListening(before: Listening | null, wallMs: number): Listening {
  if (before === null) return { steadyMs: wallMs, wallMs, gaps: [] };
  const stoppedMs = Math.max(0, wallMs - before.wallMs);
  const steadyMs = before.steadyMs + stoppedMs;
  const gap = { fromMs: before.steadyMs, untilMs: steadyMs, jumpMs: stoppedMs };
  return { steadyMs, wallMs, gaps: withGap(before.gaps, gap) };
}

/** The next turn. A gap is noted when more time passed than between turns, by either clock. */
export function keepListening(
  before: Listening,
  now: { steadyMs: number; wallMs: number },
): Listening {
  const steadyMs = Math.max(now.steadyMs, before.steadyMs);
  const passedMs = steadyMs - before.steadyMs;
  const jumpMs = Math.max(0, now.wallMs - before.wallMs - passedMs);
  if (passedMs <= gapMsMin && jumpMs <= gapMsMin) {
    return { steadyMs, wallMs: now.wallMs, gaps: before.gaps };
  }
  const gap = { fromMs: before.steadyMs, untilMs: steadyMs, jumpMs };
  return { steadyMs, wallMs: now.wallMs, gaps: withGap(before.gaps, gap) };
}

/** The newest gap that touches a span; null when the agent listened all the time. */
export function gapWithin(gaps: readonly Gap[], fromMs: number, untilMs: number): Gap | null {
  return gaps.findLast((gap) => gap.fromMs <= untilMs && gap.untilMs >= fromMs) ?? null;
}

/** Wall clock for those who delete what is old: jumps ahead of the last day do not count yet. */
export function prudentNowMs({ steadyMs, wallMs, gaps }: Listening): number {
  const young = gaps.filter((gap) => steadyMs - gap.untilMs < believeMs);
  return young.reduce((now, gap) => now - gap.jumpMs, wallMs);
}

/** Gaps between which no turn lay are one; so are the two oldest when there are too many. */
function withGap(gaps: readonly Gap[], gap: Gap): Gap[] {
  const last = gaps.at(-1);
  const all =
    last !== undefined && last.untilMs >= gap.fromMs
      ? [...gaps.slice(0, -1), joined(last, gap)]
      : [...gaps, gap];
  return all.length > gapsMax ? [joined(all[0]!, all[1]!), ...all.slice(2)] : all;
}

function joined(one: Gap, other: Gap): Gap {
  const { fromMs } = one;
  return { fromMs, untilMs: other.untilMs, jumpMs: one.jumpMs + other.jumpMs };
}
