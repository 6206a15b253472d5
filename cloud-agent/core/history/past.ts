/** Rollouts and releases as they were at an instant, from the log and from what never changes in their records. Pure. */
import type { EventRecord, ReleaseRecord } from "../records.ts";
import type { Consent } from "../rollout/consent.ts";
import type { Cause, DeviceProgress, RolloutRecord, RolloutStatus } from "../rollout/types.ts";

/** Kinds of events that change the status or the wave of a rollout. */
export const statusKinds: Record<string, RolloutStatus> = {
  rolloutStarted: "running",
  rolloutPaused: "paused",
  rolloutResumed: "running",
  rolloutHalted: "halted",
  rolloutAborted: "aborted",
  rolloutDone: "done",
};
export const waveKind = "waveStarted";

/** Releases that were published by then, without the poison that came later. */
export function releasesAt(releases: ReleaseRecord[], atMs: number): ReleaseRecord[] {
  return releases
    .filter(({ publishedMs }) => publishedMs <= atMs)
    .map((release) =>
      release.poisonedMs !== null && release.poisonedMs > atMs
        ? { ...release, poisonedMs: null, poisonReason: null }
        : release,
    );
}

/** A rollout as it was, for one device: the records of the others are left out.
 *  @param events of this rollout up to then, in order: those of `statusKinds` and `waveKind`, and the device's own
 *  @returns null when it was not written yet */
export function rolloutAt(
  record: RolloutRecord,
  serial: string,
  events: EventRecord[],
  atMs: number,
): RolloutRecord | null {
  const own = events.filter((event) => event.rolloutId === record.id && event.atMs <= atMs);
  if (own.length === 0) return null;
  const last = own.findLast(({ kind }) => statusKinds[kind] !== undefined);
  const started = own.find(({ kind }) => kind === "rolloutStarted");
  const wave = own.findLast(({ kind }) => kind === waveKind);
  const status = last ? statusKinds[last.kind]! : "draft";
  const entry = progressAt(record, serial, own, status);
  const consent = consentAt(serial, own);
  return {
    ...record,
    status,
    wave: typeof wave?.data.wave === "number" ? wave.data.wave : 0,
    waveStartedMs: wave?.atMs ?? started?.atMs ?? 0,
    startedMs: started?.atMs ?? null,
    pausedMs: status === "paused" ? last!.atMs : null,
    haltReason: last?.kind === "rolloutHalted" ? haltWords(record, last.text) : null,
    // A draft has given nobody a wave.
    assigned: started ? record.assigned : {},
    holdBack: started ? record.holdBack : [],
    verdicts: record.verdicts.filter((verdict) => verdict.atMs <= atMs),
    progress: entry === null ? {} : { [serial]: entry },
    consents: consent === null ? {} : { [serial]: consent },
  };
}

/** What the rollout had done to the device, from the device's own events. */
function progressAt(
  record: RolloutRecord,
  serial: string,
  events: EventRecord[],
  status: RolloutStatus,
): DeviceProgress | null {
  const own = events.filter((event) => event.serial === serial);
  const lastOf = (kind: string) => own.findLast((event) => event.kind === kind) ?? null;
  const offered = lastOf("updateOffered");
  if (offered === null) return null;
  const withdrawn = lastOf("offerWithdrawn");
  const isBack = withdrawn !== null && withdrawn.id > offered.id;
  if (isBack && status === "running") return null;
  const confirmed = lastOf("rolloutDeviceUpdated");
  const failed = lastOf("rolloutDeviceFailed");
  const retry = lastOf("updateRetryPlanned");
  const isFailed = failed !== null && failed.id > (confirmed?.id ?? 0);
  const isRetrying = retry !== null && retry.id > offered.id;
  const { via, tries } = { via: offered.sequence, tries: retry?.data.tries };
  const now = record.progress?.[serial];
  const isSameOffer = now !== undefined && now.offeredMs === offered.atMs;
  return {
    offeredMs: offered.atMs,
    deliveredMs: isSameOffer ? now.deliveredMs : offered.atMs,
    confirmedMs: confirmed?.atMs ?? null,
    cause: isFailed ? (failed.data.cause as Cause) : null,
    acknowledged: null,
    revertOrderedMs: lastOf("revertOrdered")?.atMs ?? null,
    via: via === record.policy.sequence ? null : via,
    tries: typeof tries === "number" ? tries : 0,
    retryAtMs: isRetrying ? (retry.data.retryAtMs as number) : null,
  };
}

function consentAt(serial: string, events: EventRecord[]): Consent | null {
  const own = events.filter((event) => event.serial === serial);
  const first = own.find(({ kind }) => kind === "consentAsked");
  const last = own.findLast(({ kind }) => kind === "consentAsked" || kind === "consentAnswered");
  if (!first || !last) return null;
  const isAnswer = last.kind === "consentAnswered";
  const { answer, by, untilMs } = last.data as Partial<Consent>;
  return {
    askedMs: first.atMs,
    answer: isAnswer ? (answer ?? null) : null,
    by: isAnswer ? (by ?? null) : null,
    answeredMs: isAnswer ? last.atMs : null,
    untilMs: isAnswer ? (untilMs ?? null) : null,
  };
}

/** The reason without the name of the rollout before it and the full stop behind. */
function haltWords(record: RolloutRecord, text: string): string {
  return text.replace(`Rollout "${record.policy.name}" `, "").replace(/\.$/, "");
}
