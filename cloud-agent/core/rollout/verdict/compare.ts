import { median } from "../stats.ts";
import { ownPastFactor, suspicionFactor } from "./limits.ts";
import type { ValueMetric } from "./metrics.ts";
import { type BoardSides, type Values, valuesOf } from "./sides.ts";
import { type Stratum, upperP } from "./significance.ts";
import { comparisonLimit, type Look } from "./spending.ts";
import type { Baseline, Comparison, Waiting } from "./types.ts";

/** What one look may spend. */
export interface Spending {
  look: Look;
  /** false-alarm budget of the wave */
  budget: number;
  /** number of metrics that share it */
  metrics: number;
}

export interface Compared {
  comparisons: Comparison[];
  waitingFor: Waiting[];
}

/** One board's values in scaled units. */
interface Scaled extends Stratum {
  board: string;
  baseline: Baseline;
  error: number;
  freshValue: number;
  baseValue: number;
}

/** Compares one metric on each board and on all together. Pure. */
export function compareValues(
  metric: ValueMetric,
  boards: BoardSides[],
  spending: Spending,
): Compared {
  const isEarly = spending.look.kind === "early";
  const scaled: Scaled[] = [];
  const waitingFor: Waiting[] = [];
  for (const sides of boards) {
    const values = valuesOf(sides, metric.reader(sides), !isEarly);
    if (values === "waiting") {
      if (metric.isWaitedFor) waitingFor.push({ metric: metric.name, board: sides.board });
    } else if (values !== null) {
      // The past was another time: an outage or a cold night falls on one side only. It counts once a soak has spread it out.
      if (!isEarly || values.baseline !== "ownPast") {
        scaled.push(scale(metric, sides.board, values));
      }
    }
  }
  const count = scaled.length;
  const comparisons = scaled.map((one) => compare(metric, one.board, [one], spending, count));
  if (count > 1) comparisons.push(compare(metric, null, scaled, spending, count));
  return { comparisons, waitingFor };
}

function scale(metric: ValueMetric, board: string, values: Values): Scaled {
  const unit = metric.unit(values);
  return {
    board,
    baseline: values.baseline,
    fresh: values.fresh.map((value) => value / unit),
    base: values.base.map((value) => value / unit),
    error: values.error / unit,
    freshValue: values.freshValue / unit,
    baseValue: values.baseValue / unit,
  };
}

function compare(
  metric: ValueMetric,
  board: string | null,
  scaled: Scaled[],
  { look, budget, metrics }: Spending,
  boards: number,
): Comparison {
  const pLimit = comparisonLimit(budget, look.share, metrics, boards, board === null);
  const baseline = weakest(scaled.map((one) => one.baseline));
  const stretch = baseline === "ownPast" ? ownPastFactor : 1;
  const limit = metric.isRatio ? 1 + (metric.limit - 1) * stretch : metric.limit * stretch;
  const shift = median(scaled.flatMap((one) => one.fresh.map((value) => value - median(one.base))));
  const effect = metric.isRatio
    ? median(scaled.flatMap((one) => one.fresh))
    : metric.worse === 0
      ? Math.abs(shift)
      : metric.worse * shift;
  const prior = Math.hypot(metric.prior, median(scaled.map((one) => one.error)));
  const sign = metric.worse === 0 ? Math.sign(shift) || 1 : metric.worse;
  const turned = scaled.map(({ fresh, base }) => ({
    fresh: fresh.map((value) => sign * value),
    base: base.map((value) => sign * value),
  }));
  const sidesTested = metric.worse === 0 ? 2 : 1;
  const p = Math.min(1, sidesTested * upperP(turned, pLimit / sidesTested, prior));
  return {
    metric: metric.name,
    board,
    fresh: scaled.reduce((sum, one) => sum + one.fresh.length, 0),
    base: scaled.reduce((sum, one) => sum + one.base.length, 0),
    baseline,
    freshValue: median(scaled.map((one) => one.freshValue)),
    baseValue: median(scaled.map((one) => one.baseValue)),
    effect,
    limit,
    p,
    pLimit,
    result: resultOf(effect, limit, p, pLimit),
  };
}

/** A difference counts when it is large enough to matter AND no accident. */
export function resultOf(
  effect: number,
  limit: number,
  p: number,
  pLimit: number,
): Comparison["result"] {
  if (!(effect > limit) || p > suspicionFactor * pLimit) return "fine";
  return p <= pLimit ? "worse" : "suspect";
}

const strength: Baseline[] = ["heldBack", "notUpdated", "ownPast"];

function weakest(baselines: Baseline[]): Baseline {
  return strength[Math.max(...baselines.map((one) => strength.indexOf(one)))]!;
}
