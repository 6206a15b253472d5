import type { DeviceFacts, RolloutEffect, RolloutRecord } from "./types.ts";
import { durationWords, timeWords } from "./words.ts";

/** What an owner was asked and said. "Not now" is bounded: at `askedMs` + the policy's `notNowMaxMs` the update goes out
 *  without an answer, because a device that is never updated is nobody's wish. */
export interface Consent {
  askedMs: number;
  answer: "yes" | "notNow" | null;
  /** who answered; null before an answer */
  by: string | null;
  answeredMs: number | null;
  /** when the owner is asked again after "not now" */
  untilMs: number | null;
}

/** Longest "not now" where the policy says nothing. */
export const notNowMsMaxDefault = 14 * 86_400_000;

/** End of all patience with this device. */
export function consentDueMs(record: RolloutRecord, consent: Consent): number {
  return consent.askedMs + (record.policy.notNowMaxMs ?? notNowMsMaxDefault);
}

/** True while an open wave may not offer the release to this device because its owner has not said yes. Pure. */
export function lacksConsent(record: RolloutRecord, serial: string, nowMs: number): boolean {
  if (record.policy.mode !== "consent") return false;
  const consent = record.consents?.[serial];
  if (consent === undefined) return true;
  return consent.answer !== "yes" && nowMs < consentDueMs(record, consent);
}

/** Asks the owners of devices whose wave is open, once, and again when a "not now" has run out. Pure.
 *  @param waiting devices of open waves without an offer */
export function askOwners(
  record: RolloutRecord,
  waiting: DeviceFacts[],
  nowMs: number,
): { record: RolloutRecord; effects: RolloutEffect[] } {
  const effects: RolloutEffect[] = [];
  if (record.policy.mode !== "consent") return { record, effects };
  const asked: Record<string, Consent> = {};
  for (const { serial } of waiting) {
    const known = record.consents?.[serial];
    const isOver = known?.answer === "notNow" && known.untilMs !== null && nowMs >= known.untilMs;
    if (known !== undefined && !isOver) continue;
    const consent: Consent = {
      askedMs: known?.askedMs ?? nowMs,
      answer: null,
      by: null,
      answeredMs: null,
      untilMs: null,
    };
    asked[serial] = consent;
    const dueMs = consentDueMs(record, consent);
    const { sequence } = record.policy;
    effects.push({
      kind: "event",
      event: {
        kind: "consentAsked",
        serial,
        sequence,
        rolloutId: record.id,
        text: `The owner of ${serial} is asked to agree to release ${sequence}; it goes out at ${timeWords(dueMs)} in any case.`,
        data: { dueMs },
      },
    });
  }
  if (effects.length === 0) return { record, effects };
  return { record: { ...record, consents: { ...record.consents, ...asked } }, effects };
}

/** True while answers count: sleepers of a rollout that is done still wait for theirs. */
export function isAsking({ status }: RolloutRecord): boolean {
  return status === "running" || status === "paused" || status === "done";
}

/** Takes an owner's answer. Pure.
 *  @param untilMs for "notNow": when to ask again; never after the end of patience
 *  @returns the record and its event; null when nobody asks any more: the answer is yes, or the end has come */
export function answerConsent(
  record: RolloutRecord,
  serial: string,
  said: { answer: "yes" | "notNow"; by: string; untilMs: number },
  nowMs: number,
): { record: RolloutRecord; effects: RolloutEffect[] } | null {
  const known = record.consents?.[serial];
  if (!isAsking(record) || known === undefined || !lacksConsent(record, serial, nowMs)) return null;
  const { answer, by } = said;
  const untilMs = answer === "yes" ? null : Math.min(said.untilMs, consentDueMs(record, known));
  const consent: Consent = { ...known, answer, by, answeredMs: nowMs, untilMs };
  const { sequence } = record.policy;
  const text =
    untilMs === null
      ? `${by} agreed to release ${sequence} for ${serial}.`
      : `${by} put release ${sequence} off for ${serial}, until ${timeWords(untilMs)}.`;
  const event = {
    kind: "consentAnswered",
    serial,
    sequence,
    rolloutId: record.id,
    text,
    data: { answer, by, untilMs },
  };
  return {
    record: { ...record, consents: { ...record.consents, [serial]: consent } },
    effects: [{ kind: "event", event }],
  };
}

/** Why a device waits for its owner, as a clause. */
export function consentWords(record: RolloutRecord, serial: string, nowMs: number): string {
  const consent = record.consents?.[serial];
  if (consent === undefined) return "its owner is asked with the next step";
  const dueMs = consentDueMs(record, consent);
  const said =
    consent.answer === "notNow"
      ? `its owner (${consent.by}) said not now until ${timeWords(consent.untilMs ?? dueMs)}`
      : `its owner was asked ${durationWords(nowMs - consent.askedMs)} ago and has not answered`;
  return `${said}; it goes out at ${timeWords(dueMs)} in any case`;
}
