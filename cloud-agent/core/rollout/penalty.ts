import type { PenaltyPolicy } from "./policyTypes.ts";
import type { DeviceFacts } from "./types.ts";

/** A device that failed again and again, whatever the release: it is left alone for a while, so that it neither wears its
 *  flash nor halts one rollout after the other. */
export interface Penalty {
  /** newest last */
  failures: { atMs: number; sequence: number }[];
  /** null: it is not in the box */
  untilMs: number | null;
}

/** Failures kept per device: the most a rule can count. */
export const failuresKeptMax = 20;

/** Notes one failure and closes the box when the rule says so. Pure.
 *  @returns what to store with the device */
export function penalise(
  before: Penalty | null,
  sequence: number,
  rule: PenaltyPolicy,
  nowMs: number,
): Penalty {
  const failures = [...(before?.failures ?? []), { atMs: nowMs, sequence }].slice(-failuresKeptMax);
  const recent = failures.filter(({ atMs }) => atMs > nowMs - rule.withinMs);
  const isFull = recent.length >= rule.failures;
  return { failures, untilMs: isFull ? nowMs + rule.forMs : (before?.untilMs ?? null) };
}

/** True while a device is left alone. Pure. */
export function isBoxed({ penaltyUntilMs }: DeviceFacts, nowMs: number): boolean {
  return penaltyUntilMs != null && nowMs < penaltyUntilMs;
}
