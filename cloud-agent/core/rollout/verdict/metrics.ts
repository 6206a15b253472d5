import type { RolloutPolicy } from "../types.ts";
import { memorySpanMsMin, priorBatteryShare, priorLimitShare } from "./limits.ts";
import { batterySlope, failedShare, memoryGrowth, metricMean } from "./measures.ts";
import type { DeviceVitals, Reader, Values } from "./sides.ts";
import type { MetricName } from "./types.ts";

/** A metric whose values are compared as numbers. */
export interface ValueMetric {
  name: MetricName;
  reader: (sides: { old: DeviceVitals[]; fresh: DeviceVitals[] }) => Reader;
  /** true when a wave waits for samples of it */
  isWaitedFor: boolean;
  /** +1: more is worse; -1: less is worse; 0: any change is */
  worse: 1 | -1 | 0;
  /** effect that matters, in scaled units; for battery a ratio */
  limit: number;
  isRatio: boolean;
  /** divides values, so that boards can be put together */
  unit: (values: Values) => number;
  /** spread of devices that small groups assume, in scaled units, besides measuring errors */
  prior: number;
}

/** Metrics judged by hits instead: crashes and silence. */
const hitMetrics = 2;

/** Number of metrics a policy judges: the false-alarm budget is shared by so many, whether they are measured or not. */
export function metricCount(policy: RolloutPolicy): number {
  return hitMetrics + valueMetrics(policy, 0).length;
}

/** All value metrics of a policy, with their limits. Pure. */
export function valueMetrics(policy: RolloutPolicy, soakMs: number): ValueMetric[] {
  const { thresholds } = policy;
  const samplesMin = thresholds.slopeSamplesMin;
  const one = () => 1;
  const has = (test: (bucket: DeviceVitals["now"][number]) => boolean) => (device: DeviceVitals) =>
    device.now.some(test) || device.past.some(test);
  const metrics: ValueMetric[] = [
    {
      name: "battery",
      reader: (sides) => batteryReader(sides, samplesMin),
      isWaitedFor: true,
      worse: 1,
      limit: thresholds.batterySlopeRatio,
      isRatio: true,
      // A drain below its own noise cannot be divided by; the noise then stands for it.
      unit: (values) => Math.max(values.baseValue, values.error, 1e-6),
      prior: priorBatteryShare,
    },
    {
      name: "memory",
      reader: () => ({
        read: (buckets) => memoryGrowth(buckets, samplesMin),
        has: has((bucket) => bucket.memory[0] + bucket.ended[0] > 0),
      }),
      isWaitedFor: soakMs > memorySpanMsMin,
      worse: 1,
      limit: thresholds.memoryPermillePerDay,
      isRatio: false,
      unit: one,
      prior: priorLimitShare * thresholds.memoryPermillePerDay,
    },
    {
      name: "checkIns",
      reader: () => ({ read: failedShare, has: has((bucket) => bucket.ok + bucket.failed > 0) }),
      isWaitedFor: false,
      worse: 1,
      limit: thresholds.checkInFailedShare,
      isRatio: false,
      unit: one,
      prior: priorLimitShare * thresholds.checkInFailedShare,
    },
  ];
  for (const [name, { worse, by }] of Object.entries(thresholds.metrics)) {
    metrics.push({
      name: `m.${name}`,
      reader: () => ({
        read: (buckets) => metricMean(buckets, name, samplesMin),
        has: has((bucket) => bucket.metrics?.[name] !== undefined),
      }),
      isWaitedFor: true,
      worse: worse === "up" ? 1 : worse === "down" ? -1 : 0,
      limit: by,
      isRatio: false,
      unit: one,
      prior: priorLimitShare * by,
    });
  }
  return metrics;
}

/** Charge and voltage are never compared: what the devices on the old release measure counts. */
function batteryReader(
  sides: { old: DeviceVitals[]; fresh: DeviceVitals[] },
  samplesMin: number,
): Reader {
  const all = [...sides.old, ...sides.fresh];
  const kind = all.some((device) => device.battery === "charge") ? "charge" : "voltage";
  return {
    read: (buckets) => batterySlope(buckets, samplesMin),
    has: (device) => device.battery === kind,
  };
}
