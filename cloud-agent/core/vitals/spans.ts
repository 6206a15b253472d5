/** Vitals of an hour or a day: what is kept of raw samples once they are old. Pure. */
import type { VitalsRecord } from "../records.ts";

export type SpanKind = "hour" | "day";
export const spanMs: Record<SpanKind, number> = { hour: 3_600_000, day: 86_400_000 };
export const spanKinds = ["hour", "day"] as const;

/** [min, max, sum of last values, count]; the mean is sum ÷ count */
export type Figures = [min: number, max: number, sum: number, count: number];

/** One device, one release, one hour or day (UTC). */
export interface VitalsSpan {
  serial: string;
  kind: SpanKind;
  fromMs: number;
  /** release it ran: two releases in one hour are two spans, so that they are never mixed */
  sequence: number;
  figures: Record<string, Figures>;
  /** starts after a crash, a watchdog or a brown-out that were seen between two samples */
  crashes: number;
  /** of the newest sample in it: what the next one is compared with */
  lastMs: number;
  lastCrashFreeS: number;
}

/** Reset reasons that are the release's fault or may be. Source: SPEC.md §4.2 */
const crashReasons = [3, 5, 6];
/** Seconds by which a counter may lag behind the clock before it counts as begun again. */
const slackS = 30;

export type SpanKey = Pick<VitalsSpan, "serial" | "kind" | "fromMs" | "sequence">;

export function spanKey(span: SpanKey): string {
  return `${span.serial} ${span.kind} ${span.fromMs} ${span.sequence}`;
}

export function emptySpan(row: VitalsRecord, kind: SpanKind): VitalsSpan {
  const fromMs = Math.floor(row.atMs / spanMs[kind]) * spanMs[kind];
  const { serial, sequence } = row;
  const figures = {};
  return { serial, kind, fromMs, sequence, figures, crashes: 0, lastMs: 0, lastCrashFreeS: -1 };
}

/** Adds one sample, in place. Minima, maxima, sums and counts do not care in which order samples come. */
export function addSample(span: VitalsSpan, row: VitalsRecord, before: LastSample | null): void {
  for (const [name, values] of Object.entries(row.values)) {
    const last = values.at(-1);
    if (last === undefined || name === "resetReason") continue;
    const figures = (span.figures[name] ??= [last, last, 0, 0]);
    figures[0] = Math.min(figures[0], ...values);
    figures[1] = Math.max(figures[1], ...values);
    figures[2] += last;
    figures[3]++;
  }
  if (before && hasCrashed(before, row)) span.crashes++;
  if (row.atMs < span.lastMs) return;
  span.lastMs = row.atMs;
  span.lastCrashFreeS = row.values.crashFreeS?.[0] ?? -1;
}

/** What is known of the sample before. */
export interface LastSample {
  atMs: number;
  crashFreeS: number;
}

/** True when the crash-free hours began again since the sample before, and for a reason that counts. */
function hasCrashed(before: LastSample, row: VitalsRecord): boolean {
  const now = row.values.crashFreeS?.[0];
  if (now === undefined || before.crashFreeS < 0 || row.atMs <= before.atMs) return false;
  const passedS = (row.atMs - before.atMs) / 1000;
  if (now + slackS + passedS * 0.1 >= before.crashFreeS + passedS) return false;
  const reason = row.values.resetReason?.[0];
  return reason === undefined || crashReasons.includes(reason);
}
