import type { RolloutRecord } from "../types.ts";
import { durationWords, timeWords } from "../words.ts";
import { earlyLookAt } from "./limits.ts";
import type { Judged } from "./types.ts";
import { waitingWords } from "./words.ts";

/** What the end of a soak says about a wave that is not worse. */
export type Gate =
  /** the soak is not over or not looked at */
  | { result: "wait" }
  | { result: "hold"; why: string }
  /** why: what it goes on without, null when nothing is missing */
  | { result: "promote"; why: string | null };

/** Decides whether a wave may go on after its last look. Pure.
 *  A suspicion (large enough, not proved) is given one more soak. Missing samples or devices are waited for until
 *  `verdict.waitMs` after the soak; then `verdict.onTooFew` decides. */
export function gateOf(record: RolloutRecord, judged: Judged | null, nowMs: number): Gate {
  if (judged === null || record.soakStartedMs === null || judged.look < earlyLookAt.length) {
    return { result: "wait" };
  }
  const { verdict, waves } = record.policy;
  const { soakMs } = waves[record.wave]!;
  const soakEndMs = record.soakStartedMs + soakMs;
  const waitEndMs = soakEndMs + verdict.waitMs;
  const missing = missingWords(record, judged);
  if (missing !== null) {
    if (nowMs < waitEndMs) {
      return { result: "hold", why: `${missing}; waits until ${timeWords(waitEndMs)}` };
    }
    if (verdict.onTooFew === "hold") {
      return { result: "hold", why: `${missing}; a person has to decide` };
    }
    const waited = durationWords(nowMs - soakEndMs);
    return { result: "promote", why: `${missing}; goes on after ${waited}, as the policy says` };
  }
  const isSuspect = judged.figures.comparisons.some((one) => one.result === "suspect");
  const graceEndMs = soakEndMs + Math.min(soakMs, verdict.waitMs);
  if (isSuspect && nowMs < graceEndMs) {
    return {
      result: "hold",
      why: `a difference is not proved yet; looks on until ${timeWords(graceEndMs)}`,
    };
  }
  if (waves[record.wave]!.byHand === true && record.wave < waves.length - 1) {
    return { result: "hold", why: "the policy leaves this promotion to a person" };
  }
  return { result: "promote", why: null };
}

function missingWords(record: RolloutRecord, { figures }: Judged): string | null {
  const waiting = waitingWords(figures.waitingFor);
  const { devicesMin } = record.policy.verdict;
  if (figures.devices >= devicesMin) return waiting;
  const few = `vitals of ${figures.devices} updated devices, expected at least ${devicesMin}`;
  return waiting === null ? few : `${few}; ${waiting}`;
}
