/** What a verdict rests on, as it is stored and shown. */

/** How one metric is called: "battery", "memory", "crashes", "checkIns", "silence", or "m." + name of a custom one. */
export type MetricName = string;

/** With whom the updated devices are compared: those held back, those not updated yet, or themselves before. */
export type Baseline = "heldBack" | "notUpdated" | "ownPast";

/** One metric, on one board or on all of them together. */
export interface Comparison {
  metric: MetricName;
  /** null: all boards together */
  board: string | null;
  /** devices compared on each side */
  fresh: number;
  base: number;
  baseline: Baseline;
  /** figure of each side: battery as a multiple of the base's usual drain, memory permille per day, crashes per day,
   *  failed check-ins and silence as shares, custom metrics in their own unit */
  freshValue: number;
  baseValue: number;
  /** what is held against `limit`: a ratio for battery, else how much worse the fresh side is */
  effect: number;
  limit: number;
  /** chance of a difference like this in a harmless release, and the largest that counts as proof at this look */
  p: number;
  pLimit: number;
  result: "fine" | "suspect" | "worse" | "acknowledged";
}

/** Something that could not be compared yet. */
export interface Waiting {
  metric: MetricName;
  board: string;
}

/** All figures of one look. */
export interface VerdictFigures {
  /** counts from 0 within the wave */
  look: number;
  kind: "early" | "gate" | "later";
  comparisons: Comparison[];
  waitingFor: Waiting[];
  /** updated devices that at least one metric could be taken of */
  devices: number;
}

/** Newest look of the current wave; part of the rollout's record. */
export interface Judged {
  wave: number;
  look: number;
  atMs: number;
  figures: VerdictFigures;
  /** a clause with figures for people, null when nothing could be measured */
  words: string | null;
}

export interface VerdictPolicy {
  /** chance, over the whole rollout, that a harmless release is halted for its vitals */
  falseAlarm: number;
  /** fewest updated devices whose vitals were measured before a wave is promoted */
  devicesMin: number;
  /** how long past its soak a wave waits for samples it lacks */
  waitMs: number;
  /** what happens then: "promote" goes on without them, "hold" waits for a person */
  onTooFew: "promote" | "hold";
}

/** Judgement of a custom metric. */
export interface MetricThreshold {
  /** the direction that is worse */
  worse: "up" | "down" | "either";
  /** smallest difference that matters, in the metric's own unit */
  by: number;
}

/** Key of evidence that an operator has accepted. */
export function evidenceKey(one: { metric: MetricName; board: string | null }): string {
  return `${one.metric}:${one.board ?? "all"}`;
}
