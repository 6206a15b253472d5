/** Alerts: what was found, what is held against it, and what people were told. Times named "steady" are those of the
 *  listening clock, all others of the wall clock. */

export const ruleNames = [
  "offline",
  "gatewayOffline",
  "batterySlope",
  "temperature",
  "errorRate",
  "zombie",
  "rolloutStuck",
  "rolloutHalted",
  "agentLag",
  "agentOutbox",
  "agentDisk",
  "agentClock",
] as const;
export type RuleName = (typeof ruleNames)[number];

export type SubjectKind = "device" | "gateway" | "batch" | "rollout" | "agent";
/** What may be the one cause of many findings. "fleet": so many at once that a list of them helps nobody. */
export type CauseKind = "gateway" | "site" | "release" | "batch" | "fleet";

export interface Subject {
  kind: SubjectKind;
  name: string;
}

/** Where a subject belongs; null where it belongs to none. */
export type Places = Record<Exclude<CauseKind, "fleet">, string | null>;

/** One thing that is wrong now. */
export interface Finding {
  rule: RuleName;
  subject: Subject;
  /** a sentence with figures */
  text: string;
  places: Places;
}

/** A finding and since when; kept until it is gone for long enough. */
export interface Held extends Finding {
  /** pending: within its hold-down; inhibited: another finding explains it; firing: it is in an alert */
  state: "pending" | "inhibited" | "firing";
  /** steady: since when it is in this state's wait */
  sinceMs: number;
  /** steady: since when it is not found any more; null while it is */
  goneMs: number | null;
  alertId: string | null;
}

export interface AlertRecord {
  id: string;
  rule: RuleName;
  severity: "critical" | "warning";
  /** the subject itself, or what many have in common */
  cause: { kind: SubjectKind | CauseKind; name: string };
  state: "open" | "closed";
  text: string;
  /** names of the subjects in it now, at most membersShownMax; count of all */
  members: string[];
  count: number;
  /** most that were in it at once */
  countMax: number;
  startedMs: number;
  /** steady */
  startedSteadyMs: number;
  endedMs: number | null;
  /** alert of a common cause that took this one over */
  mergedInto: string | null;
  ack: { person: string; atMs: number; note: string } | null;
  silencedBy: string | null;
  /** steps of the playbook that somebody has done */
  done: Record<string, { person: string; atMs: number; note: string }>;
  told: { isFired: boolean; isResolved: boolean; count: number; lastSteadyMs: number };
}

/** Keeps alerts that match from being told, until its time. Every field that is given must match. */
export interface Silence {
  id: string;
  rule: RuleName | null;
  /** a device, gateway, rollout … by its name; null for any */
  subject: string | null;
  gateway: string | null;
  site: string | null;
  batch: string | null;
  release: string | null;
  reason: string;
  person: string;
  createdMs: number;
  /** shown */
  untilMs: number;
  /** steady: what counts */
  untilSteadyMs: number;
}

export type NoticeKind = "alert.fired" | "alert.grown" | "alert.reminded" | "alert.resolved";
export interface Notice {
  kind: NoticeKind;
  alert: AlertRecord;
}
