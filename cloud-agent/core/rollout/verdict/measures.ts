import { attemptsMin, memorySpanMsMin, slopeSamplesLeast } from "./limits.ts";
import { addFolded, type Bucket, type FoldedLine, type LineSums } from "./summary.ts";

/** One figure of one device over one stretch of time. */
export interface Measure {
  value: number;
  /** its standard error from the device's own samples; 0 where it has none */
  error: number;
}

/** Energy per day: µAh where charge is measured, else mV. @returns null for too few samples */
export function batterySlope(buckets: Bucket[], samplesMin: number): Measure | null {
  const sums: LineSums = [0, 0, 0, 0, 0, 0];
  for (const bucket of buckets) addSums(sums, bucket.battery);
  if (sums[0] < Math.max(samplesMin, slopeSamplesLeast)) return null;
  const line: FoldedLine = [0, 0, 0, 0, 0];
  addFolded(line, sums);
  return slopeOf(line);
}

/** Growth of memory in use, permille per day, along runs: a restart begins at another level. */
export function memoryGrowth(buckets: Bucket[], samplesMin: number): Measure | null {
  const line: FoldedLine = [0, 0, 0, 0, 0];
  let sums: LineSums = [0, 0, 0, 0, 0, 0];
  let run = -1;
  let spanMs = 0;
  for (const bucket of buckets) {
    for (let at = 0; at < line.length; at++) line[at]! += bucket.ended[at]!;
    if (bucket.run !== run) {
      addFolded(line, sums);
      sums = [0, 0, 0, 0, 0, 0];
      run = bucket.run;
    }
    addSums(sums, bucket.memory);
    spanMs += bucket.toMs - bucket.fromMs;
  }
  addFolded(line, sums);
  if (line[0] < Math.max(samplesMin, slopeSamplesLeast) || spanMs < memorySpanMsMin) return null;
  return slopeOf(line);
}

/** Crashes per day. @returns null before any time passed */
export function crashRate(buckets: Bucket[]): (Measure & { days: number }) | null {
  const days = total(buckets, (bucket) => bucket.seconds) / 86_400;
  if (days <= 0) return null;
  return { value: total(buckets, (bucket) => bucket.crashes) / days, error: 0, days };
}

/** Share of check-ins that failed, by the device's own count. */
export function failedShare(buckets: Bucket[]): Measure | null {
  const failed = total(buckets, (bucket) => bucket.failed);
  const attempts = failed + total(buckets, (bucket) => bucket.ok);
  if (attempts < attemptsMin) return null;
  const value = failed / attempts;
  return { value, error: Math.sqrt((value * (1 - value) + 0.25 / attempts) / attempts) };
}

/** Mean of a custom metric. */
export function metricMean(buckets: Bucket[], name: string, samplesMin: number): Measure | null {
  const count = total(buckets, (bucket) => bucket.metrics?.[name]?.count ?? 0);
  if (count < samplesMin) return null;
  return { value: total(buckets, (bucket) => bucket.metrics?.[name]?.sum ?? 0) / count, error: 0 };
}

function total(buckets: Bucket[], read: (bucket: Bucket) => number): number {
  let sum = 0;
  for (const bucket of buckets) sum += read(bucket);
  return sum;
}

function addSums(into: LineSums, sums: LineSums): void {
  for (let at = 0; at < into.length; at++) into[at]! += sums[at]!;
}

/** @returns null when all samples are of one moment */
function slopeOf([count, tt, ty, yy, runs]: FoldedLine): Measure | null {
  if (!(tt > 1e-12)) return null;
  const value = ty / tt;
  const freedom = Math.max(1, count - runs - 1);
  return { value, error: Math.sqrt(Math.max(0, yy - value * ty) / freedom / tt) };
}
