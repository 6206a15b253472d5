import type { DeviceRecord, NewEvent, ReleaseRecord } from "../records.ts";
import type { VitalsSummary } from "./verdict/summary.ts";
import type { Judged, MetricThreshold, VerdictFigures, VerdictPolicy } from "./verdict/types.ts";

/** Rollouts: a policy, a record, and a pure step over both. Times are milliseconds of the agent's clock. */

export interface RolloutPolicy {
  name: string;
  /** release sequence to bring out */
  sequence: number;
  /** devices it is meant for; every field that is given must match */
  target: {
    models?: string[];
    boards?: string[];
    groups?: string[];
    tags?: string[];
    serials?: string[];
  };
  /** in order; the first is the canary. Sizes are cumulative: a device of an earlier wave stays in it. */
  waves: WavePolicy[];
  /** share of targeted devices (0..0.5) that stay on the old release until the last wave, for comparison */
  holdBackShare: number;
  thresholds: Thresholds;
  /** how waves are judged by their vitals */
  verdict: VerdictPolicy;
  /** a device that was offered the release and neither confirmed nor failed within this time counts as timed out */
  deviceTimeoutMs: number;
  /** a device silent for longer than this counts as silent: listed, never blocking */
  silentMs: number;
  onHalt: "keep" | "revert";
  deadlineMs: number | null;
  /** who wrote and who approved; must differ where both are given */
  author: string;
  approver: string | null;
  /** mixed into the stable hash; omitted: the same for every rollout, so the same devices go first. Give another to
   *  share the risk of being early over the fleet. */
  salt?: string;
}

export interface WavePolicy {
  name: string;
  /** one of the three; "boards: 1" means that many of every targeted board kind (canary) */
  size: { count: number } | { percent: number } | { perBoard: number };
  soakMs: number;
  /** devices of this wave that must have confirmed before soak begins: share, 0..1, of those reachable that have not
   *  failed (failures have their own thresholds) */
  confirmShare: number;
}

/** Largest share (0..1) of a wave's devices per cause before the rollout halts. */
export interface Thresholds {
  failed: number;
  reverted: number;
  rejected: number;
  timedOut: number;
  /** battery (or charge) slope of confirmed devices ÷ hold-back slope above which they count as worse */
  batterySlopeRatio: number;
  /** fewest samples per device for a slope to count */
  slopeSamplesMin: number;
  /** the following: more than the held-back devices by this much counts as worse.
   *  Growth of memory in use, permille per day */
  memoryPermillePerDay: number;
  /** crashes per device and day */
  crashesPerDay: number;
  /** share (0..1) of check-ins that fail */
  checkInFailedShare: number;
  /** share (0..1) of devices that fall silent after the update */
  silentShare: number;
  /** custom metrics by their declared name */
  metrics: Record<string, MetricThreshold>;
}

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
  > {
  model: string;
  board: string;
  classId: string;
  /** true while somebody works on the device: nothing is offered, nothing is counted */
  maintenance: boolean;
  /** kind of an order that is not answered yet; no offer until it is */
  orderPending: "revert" | "sunset" | "wipe" | null;
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
}

/** What the edge has to do, in order, in the same transaction that stores the record. */
export type RolloutEffect =
  | { kind: "offer"; serial: string; sequence: number }
  | { kind: "withdrawOffer"; serial: string; sequence: number }
  | { kind: "orderRevert"; serial: string; toSequence: number }
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
