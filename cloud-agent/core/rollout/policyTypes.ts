import type { MetricThreshold, VerdictPolicy } from "./verdict/types.ts";

/** The policy of a rollout as the engine reads it. Fields that came later are optional: a policy that was stored before
 *  them has none, and omission means what it meant then. */

/** Devices by what is known of them; every field that is given must match. */
export interface DeviceFilter {
  models?: string[];
  boards?: string[];
  groups?: string[];
  tags?: string[];
  sites?: string[];
  serials?: string[];
  /** expression (core/filter): labels, and what devices report */
  where?: string;
  /** name of a saved filter */
  saved?: string;
  /** its text when the draft was written, which is what counts; never given by a person */
  savedWhere?: string;
}

export interface RolloutPolicy {
  name: string;
  /** release sequence to bring out */
  sequence: number;
  /** devices it is meant for */
  target: DeviceFilter;
  /** in order; the first is the canary. Sizes are cumulative: a device of an earlier wave stays in it. */
  waves: WavePolicy[];
  /** why the first wave may take more than a canary; logged at the start. Omitted: it may not */
  withoutCanary?: string;
  /** share of targeted devices (0..0.5) that stay on the old release until the last wave, for comparison */
  holdBackShare: number;
  thresholds: Thresholds;
  /** how waves are judged by their vitals */
  verdict: VerdictPolicy;
  /** a device that was offered the release and neither confirmed nor failed within this time counts as timed out */
  deviceTimeoutMs: number;
  /** a device silent for longer than this counts as silent: listed, never blocking */
  silentMs: number;
  /** most offers per minute; omitted or null: as many as a wave holds */
  pacePerMinute?: number | null;
  /** times of the device's own day at which an update may begin; omitted or null: any */
  windows?: WindowsPolicy | null;
  /** most devices of one site or tag that are updated at once */
  budgets?: BudgetPolicy[];
  /** releases that a device must confirm on its way, beside those that say so themselves */
  passThrough?: number[];
  /** forced: a device's "not now" counts against its time. soft: it is waited for. consent: and its owner is asked first.
   *  Omitted: soft */
  mode?: "forced" | "soft" | "consent";
  /** longest "not now" of device or owner */
  notNowMaxMs?: number;
  /** omitted: nothing is tried again */
  retries?: Record<RetryClass, RetryPolicy>;
  /** omitted or null: nobody is left alone */
  penaltyBox?: PenaltyPolicy | null;
  onHalt: "keep" | "revert";
  /** release to take devices back to; those whose other slot holds another one are listed. Omitted or null: whatever the
   *  other slot holds */
  revertTo?: number | null;
  deadlineMs: number | null;
  /** from the start; omitted or null: none. The earlier of both counts */
  deadlineAfterMs?: number | null;
  /** who wrote and who approved; must differ where both are given */
  author: string;
  approver: string | null;
  /** persons beside the author who have to approve by their own token. Omitted: none */
  approvals?: number;
  /** the emergency lane; omitted or null: this policy has none */
  emergency?: { soakMs: number } | null;
  /** why this rollout takes the lane; omitted: it does not */
  emergencyReason?: string;
  /** mixed into the stable hash; omitted: the same for every rollout, so the same devices go first. Give another to
   *  share the risk of being early over the fleet. */
  salt?: string;
}

export type WaveSize =
  | { count: number }
  | { percent: number }
  /** that many of every targeted board kind (canary) */
  | { perBoard: number }
  /** the devices that match */
  | { filter: DeviceFilter };

export interface WavePolicy {
  name: string;
  size: WaveSize;
  soakMs: number;
  /** devices of this wave that must have confirmed before soak begins: share, 0..1, of those reachable that have not
   *  failed (failures have their own thresholds) */
  confirmShare: number;
  /** and this many, as far as the wave has them; sleepers are waited for up to it. Omitted: one in the canary wave */
  confirmMin?: number;
  /** true: a person promotes it, whatever the verdict. Omitted: the verdict does */
  byHand?: boolean;
}

/** Largest share (0..1) of a wave's devices per cause before the rollout halts. */
export interface Thresholds {
  failed: number;
  reverted: number;
  rejected: number;
  timedOut: number;
  /** outcomes (confirmed or a cause) in a wave from which a share is judged, while others are still on their way.
   *  Omitted: 1 */
  sampleMin?: number;
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

export interface WindowsPolicy {
  /** for devices whose zone nobody told: IANA name or "+02:00" */
  zone: string;
  /** site → zone, for devices without one of their own */
  siteZones: Record<string, string>;
  open: OpenWindow[];
  /** a device that met no open window for this long is listed and not waited for */
  waitMs: number;
}

export interface OpenWindow {
  /** days on which it begins, 0 Monday to 6 Sunday */
  days: Weekday[];
  /** "22:00"; an end at or before the beginning is on the next day */
  from: string;
  to: string;
}

export const weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
export type Weekday = (typeof weekdays)[number];

export interface BudgetPolicy {
  /** what counts together: the devices of one site, or those with the same tag */
  by: "site" | "tag";
  /** only tags that begin so; omitted: every tag */
  prefix?: string;
  /** most devices being updated at once, from 1 */
  atOnce: number;
}

/** What a refused update failed on: on its way (bytes that changed, nothing that answers), or in the device (no memory, no
 *  write). */
export type RetryClass = "transfer" | "device";

export interface RetryPolicy {
  times: number;
  /** pause before the first try; each further one is twice as long, seven days at most */
  backoffMs: number;
}

export interface PenaltyPolicy {
  /** failures of whatever release, within `withinMs`, that put a device into the box */
  failures: number;
  withinMs: number;
  /** how long it is left alone */
  forMs: number;
}
