import type { DeviceFacts, RolloutRecord } from "../types.ts";
import { compareValues, type Spending } from "./compare.ts";
import { compareCrashes, compareSilence } from "./hits.ts";
import { metricCount, valueMetrics } from "./metrics.ts";
import { sidesOf } from "./sides.ts";
import { type Look, waveBudget } from "./spending.ts";
import type { VitalsSummary } from "./summary.ts";
import { type Comparison, evidenceKey, type Judged, type Waiting } from "./types.ts";
import { judgedWords } from "./words.ts";

/** Compares a wave's devices with their own past and with those on the old release. Pure.
 *  Every comparison asks two things: is the difference large enough to matter, and would chance alone show it more
 *  rarely than this look's share of the false-alarm budget. Source: ADR-0012.
 *  @param vitals summaries of what `vitalsWanted` named
 *  @param updated devices whose check-ins confirmed the release
 *  @param others devices on the old release */
export function judge(
  record: RolloutRecord,
  vitals: Record<string, VitalsSummary>,
  updated: DeviceFacts[],
  others: DeviceFacts[],
  look: Look,
  nowMs: number,
): Judged {
  const { policy, wave } = record;
  const spending: Spending = {
    look,
    budget: waveBudget(policy.verdict.falseAlarm, wave),
    metrics: metricCount(policy),
  };
  const boards = sidesOf(record, vitals, updated, others);
  const comparisons: Comparison[] = [];
  const waitingFor: Waiting[] = [];
  for (const metric of valueMetrics(policy, policy.waves[wave]!.soakMs)) {
    const compared = compareValues(metric, boards, spending);
    comparisons.push(...compared.comparisons);
    waitingFor.push(...compared.waitingFor);
  }
  comparisons.push(...compareCrashes(record, boards, spending));
  comparisons.push(...compareSilence(record, updated, others, spending, nowMs));
  const accepted = new Set(record.acknowledgedVitals ?? []);
  const figures = {
    look: look.index,
    kind: look.kind,
    comparisons: comparisons.map((one) => settle(one, accepted)),
    waitingFor: waitingFor.filter((one) => !accepted.has(evidenceKey(one))),
    devices: boards.reduce(
      (sum, { fresh }) => sum + fresh.filter(({ now }) => now.length > 0).length,
      0,
    ),
  };
  const words = judgedWords(record, figures);
  return { wave, look: look.index, atMs: nowMs, figures, words };
}

/** Evidence an operator has seen and accepted is shown and not counted again. */
function settle(one: Comparison, accepted: ReadonlySet<string>): Comparison {
  const isCounted = one.result === "worse" || one.result === "suspect";
  if (!isCounted || !accepted.has(evidenceKey(one))) return one;
  return { ...one, result: "acknowledged" };
}

/** True when a look found the release worse. */
export function isWorse(judged: Judged): boolean {
  return judged.figures.comparisons.some((one) => one.result === "worse");
}

/** Keys of all that a look holds against the release. The same evidence shows on boards and over all of them, so where
 *  one is accepted its counterparts that lie above their limits are accepted with it. */
export function evidenceAgainst({ figures }: Judged): string[] {
  const isAgainst = (one: Comparison) => one.result === "worse" || one.result === "suspect";
  const metrics = new Set(figures.comparisons.filter(isAgainst).map((one) => one.metric));
  const keys = figures.comparisons
    .filter((one) => metrics.has(one.metric) && (isAgainst(one) || one.effect > one.limit))
    .flatMap((one) => [evidenceKey(one), evidenceKey({ ...one, board: null })]);
  return [...new Set(keys)].sort();
}
