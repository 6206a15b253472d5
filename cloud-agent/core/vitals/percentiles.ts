/** Percentiles of a vital over the devices of a group: each device counts once, with its mean over the span. Pure. */
import type { DeviceRecord } from "../records.ts";
import { groupsMax } from "./limits.ts";
import type { VitalsSpan } from "./spans.ts";

export const percentileGroupings = ["release", "board", "batch", "site", "model"] as const;
export type PercentileGrouping = (typeof percentileGroupings)[number];

export interface GroupPercentiles {
  group: string;
  devices: number;
  min: number;
  p5: number;
  p50: number;
  p95: number;
  max: number;
}

/** Mean of each device in each group it belongs to. */
export class GroupMeans {
  readonly #sums = new Map<string, Map<string, [sum: number, count: number]>>();
  readonly #metric: string;
  readonly #by: PercentileGrouping;

  constructor(metric: string, by: PercentileGrouping) {
    this.#metric = metric;
    this.#by = by;
  }

  add(device: DeviceRecord, span: VitalsSpan): void {
    const figures = span.figures[this.#metric];
    if (!figures) return;
    const group = this.#groupOf(device, span);
    if (group === null) return;
    const devices = this.#sums.get(group) ?? new Map<string, [number, number]>();
    const [sum, count] = devices.get(device.serial) ?? [0, 0];
    devices.set(device.serial, [sum + figures[2], count + figures[3]]);
    this.#sums.set(group, devices);
  }

  /** Largest groups first. @returns groups, and how many were left out */
  percentiles(): { groups: GroupPercentiles[]; leftOut: number } {
    const all = [...this.#sums].map(([group, devices]) => {
      const means = [...devices.values()].map(([sum, count]) => sum / count).sort((a, b) => a - b);
      const at = (share: number) => percentile(means, share);
      return {
        ...{ group, devices: means.length, min: means[0]!, p5: at(0.05), p50: at(0.5) },
        ...{ p95: at(0.95), max: means.at(-1)! },
      };
    });
    all.sort((a, b) => b.devices - a.devices || (a.group < b.group ? -1 : 1));
    return { groups: all.slice(0, groupsMax), leftOut: Math.max(0, all.length - groupsMax) };
  }

  #groupOf(device: DeviceRecord, span: VitalsSpan): string | null {
    // By the release it ran then, not by the one it runs now.
    if (this.#by === "release") return String(span.sequence);
    return this.#by === "site" ? device.site : device.birth[this.#by];
  }
}

/** Between the two nearest values, in proportion. @param sorted rising, not empty */
export function percentile(sorted: readonly number[], share: number): number {
  const place = (sorted.length - 1) * share;
  const low = Math.floor(place);
  const below = sorted[low]!;
  return below + ((sorted[low + 1] ?? below) - below) * (place - low);
}
