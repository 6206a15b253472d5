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
  /** a device that was offered the release and neither confirmed nor failed within this time counts as timed out */
  deviceTimeoutMs: number;
  /** a device silent for longer than this counts as silent: listed, never blocking */
  silentMs: number;
  onHalt: "keep" | "revert";
  deadlineMs: number | null;
  /** who wrote and who approved; must differ where both are given */
  author: string;
  approver: string | null;
}

export interface WavePolicy {
  name: string;
  /** one of the three; "boards: 1" means that many of every targeted board kind (canary) */
  size: { count: number } | { percent: number } | { perBoard: number };
  soakMs: number;
  /** devices of this wave that must have confirmed (share of those reachable, 0..1) before soak begins */
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
  /** verdict per finished wave, in words with figures */
  verdicts: { wave: number; result: "promote" | "hold" | "revert"; reason: string; atMs: number }[];
}
