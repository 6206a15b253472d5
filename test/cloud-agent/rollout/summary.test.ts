import { describe, expect, test } from "vitest";
import type { VitalsSample } from "../../../cloud-agent/core/rollout/types.ts";
import { bucketsMax } from "../../../cloud-agent/core/rollout/verdict/limits.ts";
import {
  batterySlope,
  crashRate,
  failedShare,
  memoryGrowth,
} from "../../../cloud-agent/core/rollout/verdict/measures.ts";
import {
  emptySummary,
  noteSample,
  summaryOf,
} from "../../../cloud-agent/core/rollout/verdict/summary.ts";
import { dayMs, hourMs } from "./fleet.ts";

const startMs = 5 * dayMs;

function hourly(
  count: number,
  valuesAt: (hour: number) => Record<string, number[]>,
  sequence = 6,
): VitalsSample[] {
  return Array.from({ length: count }, (_, hour) => ({
    atMs: startMs + hour * hourMs,
    sequence,
    values: valuesAt(hour),
  }));
}

describe("a summary of vitals", () => {
  test("counts a crash by its reason, and no power cut, pin or planned restart", () => {
    const days = (reason: number) => {
      const rows = hourly(49, (hour) => {
        const upS = (hour < 20 ? hour + 100 : hour - 19.5) * 3600;
        return { uptimeS: [upS], crashFreeS: [upS], resetReason: [reason] };
      });
      return crashRate(summaryOf(rows, 0).buckets)!.value;
    };
    for (const crash of [3, 5, 6]) expect(days(crash)).toBeCloseTo(0.5, 9);
    for (const other of [1, 2, 4, 7]) expect(days(other)).toBe(0);
  });

  test("takes a clock that drifts for no restart, and finds one behind missing check-ins", () => {
    const slow = hourly(49, (hour) => ({ uptimeS: [hour * 3600 * 0.985] }));
    expect(crashRate(summaryOf(slow, 0).buckets)!.value).toBe(0);
    // Up for 1 h at hour 1, silent for a day, up for 9 h at hour 25: more than before, yet another run.
    const gap = hourly(26, (hour) => ({ uptimeS: [(hour < 2 ? hour : hour - 16) * 3600] }));
    const rows = gap.filter((_, hour) => hour < 2 || hour === 25);
    expect(crashRate(summaryOf(rows, 0).buckets)!.value * (25 / 24)).toBeCloseTo(1, 9);
  });

  test("follows memory along runs, so that a restart is no shrinking", () => {
    const rows = hourly(49, (hour) => {
      const upHours = hour < 24 ? hour + 2 : hour - 22;
      const memory = 400 + 3 * upHours;
      return { uptimeS: [upHours * 3600], memoryUsedPermille: [0, memory, 0], resetReason: [5] };
    });
    expect(memoryGrowth(summaryOf(rows, 0).buckets, 6)!.value).toBeCloseTo(72, 6);
    expect(memoryGrowth(summaryOf(rows.slice(0, 5), 0).buckets, 3)).toBeNull();
  });

  test("leaves the first hour of a run out of the memory trend", () => {
    const rows = hourly(30, (hour) => ({
      uptimeS: [hour * 3600],
      memoryUsedPermille: [0, hour === 0 ? 100 : 500, 0],
    }));
    expect(memoryGrowth(summaryOf(rows, 0).buckets, 6)!.value).toBeCloseTo(0, 9);
  });

  test("takes a new cell for no charging", () => {
    const rows = hourly(48, (hour) => ({
      batteryMv: [0, 0, (hour < 24 ? 2800 : 3100) - 2 * hour],
    }));
    const line = batterySlope(summaryOf(rows, 0).buckets, 6)!;
    expect(line.value).toBeGreaterThan(40);
    expect(line.value).toBeLessThan(50);
  });

  test("counts failed check-ins by the device's own counters, over restarts", () => {
    const rows = hourly(21, (hour) => {
      const since = hour < 11 ? hour : hour - 11;
      return {
        uptimeS: [since * 3600 + 60],
        checkInsOk: [since],
        checkInsFailed: [Math.floor(since / 2)],
      };
    });
    // 10 ok and 5 failed before the restart, 9 and 4 after it.
    expect(failedShare(summaryOf(rows, 0).buckets)!.value).toBeCloseTo(9 / 28, 9);
    expect(failedShare(summaryOf(rows.slice(0, 4), 0).buckets)).toBeNull();
  });

  test("keeps before and after apart at the cut, and stays bounded", () => {
    const rows = hourly(24 * 30, (hour) => ({ chargeMicroAh: [hour] }));
    const cutMs = startMs + 700.5 * hourMs;
    const { buckets } = summaryOf(rows, cutMs);
    expect(buckets).toHaveLength(bucketsMax);
    const across = buckets.filter((one) => one.fromMs < cutMs && one.toMs > cutMs);
    expect(across).toEqual([]);
    // 19 hours since the cut are two buckets.
    expect(buckets.at(-3)!.toMs).toBe(startMs + 700 * hourMs);
    expect(buckets.at(-2)!.fromMs).toBe(startMs + 701 * hourMs);
  });

  test("does not take a sample that is older than the last", () => {
    const summary = emptySummary();
    const [first, second] = hourly(2, (hour) => ({ chargeMicroAh: [hour] }));
    noteSample(summary, second!, 0);
    noteSample(summary, first!, 0);
    expect(summary.buckets.map((one) => one.samples)).toEqual([1]);
  });
});
