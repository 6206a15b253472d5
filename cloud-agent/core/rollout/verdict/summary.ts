import type { VitalsSample } from "../types.ts";
import {
  batteryChangeMv,
  bucketMs,
  bucketsMax,
  uptimeSlackS,
  uptimeSlackShare,
  warmUpS,
} from "./limits.ts";

/** Sums over the check-ins of one device: all that the verdict reads, whatever the number of rows. Not stored. */
export interface VitalsSummary {
  /** "charge" where the board measures it, else "voltage", null without a battery */
  battery: "charge" | "voltage" | null;
  buckets: Bucket[];
  /** what the next sample is compared with; null before the first */
  last: LastSample | null;
  /** begin of time and level, so that sums stay small */
  originMs: number;
  originBattery: number;
  /** added to each battery reading: counters begin again and cells are changed */
  batteryOffset: number;
}

interface LastSample {
  atMs: number;
  sequence: number;
  battery: number;
  uptimeS: number;
  crashFreeS: number;
  ok: number;
  failed: number;
}

/** Sums of one release over one stretch of time. */
export interface Bucket {
  fromMs: number;
  toMs: number;
  sequence: number;
  /** counts restarts; memory is compared within one run */
  run: number;
  battery: LineSums;
  memory: LineSums;
  /** runs that ended within the bucket, folded */
  ended: FoldedLine;
  ok: number;
  failed: number;
  crashes: number;
  /** time between samples of this release, seconds */
  seconds: number;
  samples: number;
  metrics: Record<string, { count: number; sum: number }> | null;
}

/** [count, Σt, Σt², Σy, Σty, Σy²] */
export type LineSums = [number, number, number, number, number, number];
/** About the means: [count, Σdt², Σdt·dy, Σdy², runs] */
export type FoldedLine = [number, number, number, number, number];

export function emptySummary(): VitalsSummary {
  return {
    battery: null,
    buckets: [],
    last: null,
    originMs: 0,
    originBattery: 0,
    batteryOffset: 0,
  };
}

/** Summary of stored rows, oldest first. Pure.
 *  @param cutMs a bucket begins there (the wave's start), so that before and after are never mixed
 *  @param metrics names of custom metrics that are judged */
export function summaryOf(
  samples: readonly VitalsSample[],
  cutMs: number,
  metrics: readonly string[] = [],
): VitalsSummary {
  const summary = emptySummary();
  for (const sample of samples) noteSample(summary, sample, cutMs, metrics);
  return summary;
}

/** Adds one check-in, in place; samples come in order of time, an older one is left out. */
export function noteSample(
  summary: VitalsSummary,
  sample: VitalsSample,
  cutMs: number,
  metrics: readonly string[] = [],
): void {
  const { last } = summary;
  if (last !== null && sample.atMs < last.atMs) return;
  if (last === null) summary.originMs = sample.atMs;
  const { values } = sample;
  const uptimeS = values.uptimeS?.[0] ?? -1;
  const crashFreeS = values.crashFreeS?.[0] ?? uptimeS;
  const isSame = last !== null && last.sequence === sample.sequence;
  const hasRestarted = isSame && fell(last.uptimeS, uptimeS, sample.atMs - last.atMs);
  const bucket = bucketFor(summary, sample, cutMs, hasRestarted || !isSame);
  const days = (sample.atMs - summary.originMs) / 86_400_000;
  const battery = noteBattery(summary, bucket, values, days);
  if (hasRestarted) fold(bucket);
  const memory = values.memoryUsedPermille;
  if (memory !== undefined && uptimeS >= warmUpS) add(bucket.memory, days, memory[1] ?? memory[0]!);
  const ok = values.checkInsOk?.[0] ?? -1;
  const failed = values.checkInsFailed?.[0] ?? -1;
  if (isSame) {
    bucket.seconds += (sample.atMs - last.atMs) / 1000;
    if (hasCrashed(last, crashFreeS, sample)) bucket.crashes++;
    if (ok >= 0 && failed >= 0 && last.ok >= 0) {
      bucket.ok += hasRestarted ? ok : Math.max(0, ok - last.ok);
      bucket.failed += hasRestarted ? failed : Math.max(0, failed - last.failed);
    }
  }
  for (const name of metrics) noteMetric(bucket, name, values[`m.${name}`]);
  bucket.samples++;
  bucket.toMs = sample.atMs;
  const { atMs, sequence } = sample;
  summary.last = { atMs, sequence, battery, uptimeS, crashFreeS, ok, failed };
}

/** True when a counter of seconds did not keep up with the clock. */
function fell(before: number, now: number, elapsedMs: number): boolean {
  if (before < 0 || now < 0) return false;
  const elapsedS = elapsedMs / 1000;
  return now + uptimeSlackS + elapsedS * uptimeSlackShare < before + elapsedS;
}

/** Reset reasons that are the release's fault or may be: watchdog, crash, brown-out. Source: SPEC.md §4.2 */
const crashReasons = [3, 5, 6];

function hasCrashed(last: LastSample, crashFreeS: number, sample: VitalsSample): boolean {
  if (!fell(last.crashFreeS, crashFreeS, sample.atMs - last.atMs)) return false;
  const reason = sample.values.resetReason?.[0];
  return reason === undefined || crashReasons.includes(reason);
}

function bucketFor(
  summary: VitalsSummary,
  sample: VitalsSample,
  cutMs: number,
  isNewRun: boolean,
): Bucket {
  const { buckets } = summary;
  const open = buckets[buckets.length - 1];
  const run = (open?.run ?? 0) + (isNewRun ? 1 : 0);
  const isOpen =
    open !== undefined &&
    open.sequence === sample.sequence &&
    sample.atMs - open.fromMs < bucketMs &&
    (open.fromMs >= cutMs || sample.atMs < cutMs);
  if (isOpen) return open;
  const bucket: Bucket = {
    fromMs: sample.atMs,
    toMs: sample.atMs,
    sequence: sample.sequence,
    run,
    battery: [0, 0, 0, 0, 0, 0],
    memory: [0, 0, 0, 0, 0, 0],
    ended: [0, 0, 0, 0, 0],
    ok: 0,
    failed: 0,
    crashes: 0,
    seconds: 0,
    samples: 0,
    metrics: null,
  };
  buckets.push(bucket);
  if (buckets.length > bucketsMax) buckets.shift();
  return bucket;
}

/** A run ended: its line is closed, the next begins at another level. */
function fold(bucket: Bucket): void {
  addFolded(bucket.ended, bucket.memory);
  bucket.memory = [0, 0, 0, 0, 0, 0];
  bucket.run++;
}

/** Adds a run's line to a total of lines about their own means, in place. */
export function addFolded(into: FoldedLine, [count, t, tt, y, ty, yy]: LineSums): void {
  if (count < 2) return;
  into[0] += count;
  into[1] += tt - (t * t) / count;
  into[2] += ty - (t * y) / count;
  into[3] += yy - (y * y) / count;
  into[4]++;
}

/** Energy used so far. Charge counts up and begins again at a restart; voltage falls and rises with a new cell.
 *  @returns the reading as it was */
function noteBattery(
  summary: VitalsSummary,
  bucket: Bucket,
  values: Record<string, number[]>,
  days: number,
): number {
  const charge = values.chargeMicroAh?.at(-1);
  const voltage = values.batteryMv?.at(-1) ?? 0;
  const before = summary.last?.battery ?? Number.NaN;
  if (summary.battery === null) {
    if (charge === undefined && voltage <= 0) return before;
    summary.battery = charge === undefined ? "voltage" : "charge";
    summary.originBattery = charge ?? -voltage;
  }
  if (summary.battery === "charge") {
    if (charge === undefined) return before;
    if (charge < before) summary.batteryOffset += before;
    add(bucket.battery, days, charge + summary.batteryOffset - summary.originBattery);
    return charge;
  }
  if (voltage <= 0) return before;
  if (voltage - before > batteryChangeMv) summary.batteryOffset += voltage - before;
  add(bucket.battery, days, summary.batteryOffset - voltage - summary.originBattery);
  return voltage;
}

function noteMetric(bucket: Bucket, name: string, values: number[] | undefined): void {
  const value = values?.at(-1);
  if (value === undefined) return;
  bucket.metrics ??= {};
  const sums = (bucket.metrics[name] ??= { count: 0, sum: 0 });
  sums.count++;
  sums.sum += value;
}

function add(into: LineSums, t: number, y: number): void {
  into[0]++;
  into[1] += t;
  into[2] += t * t;
  into[3] += y;
  into[4] += t * y;
  into[5] += y * y;
}
