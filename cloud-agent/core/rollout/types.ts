import type { DeviceOrder, DeviceRecord, NewEvent, ReleaseRecord } from "../records.ts";
import type { Approval } from "./approvals.ts";
import type { Consent } from "./consent.ts";
import type { PenaltyPolicy, RolloutPolicy } from "./policyTypes.ts";
import type { VitalsSummary } from "./verdict/summary.ts";
import type { Judged, VerdictFigures } from "./verdict/types.ts";

/** Rollouts: a policy, a record, and a pure step over both. Times are milliseconds of the agent's clock. */

export type { RolloutPolicy, Thresholds, WavePolicy } from "./policyTypes.ts";

export type RolloutStatus = "draft" | "running" | "paused" | "halted" | "done" | "aborted";

export interface RolloutRecord {
  id: string;
  policy: RolloutPolicy;
  status: RolloutStatus;
  /** index of the wave that is being offered */
  wave: number;
  waveStartedMs: number;
  soakStartedMs: number | null;
  startedMs: number | null;
  endedMs: number | null;
  /** serial → wave index; hold-back devices carry the last wave */
  assigned: Record<string, number>;
  holdBack: string[];
  /** failures an operator has seen and accepted ("resume acknowledges") */
  acknowledged: string[];
  haltReason: string | null;
  /** verdict per finished wave, in words and figures */
  verdicts: Verdict[];
  /** serial → what this rollout did to the device and saw of it; omitted means nothing yet */
  progress?: Record<string, DeviceProgress>;
  /** since when it is paused; omitted or null when it is not */
  pausedMs?: number | null;
  /** true after a halt or abort that takes confirmed devices back; late confirmations are then taken back too */
  isReverting?: boolean;
  /** newest look at the vitals of the current wave; omitted or null before the first */
  judged?: Judged | null;
  /** vitals evidence ("battery:puckjs") that an operator accepted by resuming: it does not halt again */
  acknowledgedVitals?: string[];
  /** the vitals evidence that was among the reasons of the last halt */
  haltedFor?: string[];
  /** who wrote the draft, by the own token; omitted: as the policy says */
  writtenBy?: string;
  approvals?: Approval[];
  /** serial → what its owner was asked and said; only with mode "consent" */
  consents?: Record<string, Consent>;
  /** release that an abort takes devices back to; omitted or null: as the policy says */
  revertTo?: number | null;
}

/** What was decided on a wave. */
export interface Verdict {
  wave: number;
  result: "promote" | "hold" | "revert";
  /** with figures, for people */
  reason: string;
  atMs: number;
  /** the comparisons it rests on; null where no vitals were looked at */
  figures?: VerdictFigures | null;
}

/** Why a device that was offered the release does not run it. Silent is no cause: it is listed and never counted. */
export type Cause = "failed" | "reverted" | "rejected" | "timedOut";

/** Everything a rollout remembers of one device it has made an offer to. */
export interface DeviceProgress {
  offeredMs: number;
  /** first contact after the offer: the device must have been told by then, its timeout runs from here */
  deliveredMs: number | null;
  /** first check-in seen with the new digest confirmed */
  confirmedMs: number | null;
  /** last cause seen; null again when the device confirms after all */
  cause: Cause | null;
  /** cause that an operator has seen and accepted; another cause counts again */
  acknowledged: Cause | null;
  revertOrderedMs: number | null;
  /** release on the way that it has to pass through first; omitted or null: none */
  via?: number | null;
  /** tries after the first */
  tries?: number;
  /** when a refused device is tried again; omitted or null: it is not waiting for that */
  retryAtMs?: number | null;
}

/** The facts of one device that rollouts read; made by `factsOf`. */
export interface DeviceFacts
  extends Pick<
    DeviceRecord,
    | "serial"
    | "lifecycle"
    | "group"
    | "tags"
    | "runningSequence"
    | "runningDigest"
    | "slotState"
    | "floor"
    | "keySetVersion"
    | "otherSequence"
    | "otherValid"
    | "lastSeenMs"
    | "nextCheckInS"
    | "lastFailed"
    | "refused"
    | "download"
    | "poison"
    | "fieldMinutesLeft"
  > {
  /** the record they were taken from, for filters by expression; omitted: an expression sees only what stands here */
  record?: DeviceRecord;
  model: string;
  board: string;
  classId: string;
  /** omitted or null: at none */
  site?: string | null;
  /** IANA name or "+02:00"; omitted or null: nobody told */
  timeZone?: string | null;
  /** true while somebody works on the device: nothing is offered, nothing is counted */
  maintenance: boolean;
  /** when it refused what `refused` names; omitted: before the agent noted it */
  refusedMs?: number | null;
  /** a release that it put off, and since when */
  deferred?: DeviceRecord["deferred"];
  /** end of its time in the penalty box; omitted or null: it is not in it */
  penaltyUntilMs?: number | null;
  /** kind of an order that is not answered yet; no offer until it is */
  orderPending: DeviceOrder["kind"] | null;
}

/** A vitals row as stored; the serial is the key it stands under. */
export interface VitalsSample {
  atMs: number;
  /** release the device ran when it measured */
  sequence: number;
  values: Record<string, number[]>;
}

/** What a step may look at. Devices outside the target are ignored, so the whole fleet may be passed. */
export interface RolloutView {
  devices: DeviceFacts[];
  /** serial → summary of its vitals, for the serials `vitalsWanted` names. null: not looked up this time, so no look
   *  at vitals is made in this step (reading them may have a slower pace than stepping) */
  vitals: Record<string, VitalsSummary> | null;
  release: ReleaseRecord;
  /** all published releases: those on the way are among them. Omitted: none has to be passed through */
  releases?: ReleaseRecord[];
}

/** What the edge has to do, in order, in the same transaction that stores the record. */
export type RolloutEffect =
  | { kind: "offer"; serial: string; sequence: number }
  | { kind: "withdrawOffer"; serial: string; sequence: number }
  | { kind: "orderRevert"; serial: string; toSequence: number }
  /** counts for the device's penalty box */
  | { kind: "failure"; serial: string; sequence: number; rule: PenaltyPolicy }
  | { kind: "poison"; sequence: number; reason: string }
  | { kind: "halt"; reason: string }
  | { kind: "event"; event: NewEvent };

/** Outcome of a step. The record is the very same object when nothing changed, so nothing has to be stored. */
export interface RolloutStep {
  record: RolloutRecord;
  effects: RolloutEffect[];
  /** true when a look at the vitals was due and the view had none: read them and step again */
  isLookDue?: boolean;
}
