/** Failure rates by where devices come from. Counts and their uncertainty, never a bare percentage. */
import type { Tx } from "../../storage/store.ts";
import { devicesPerReadMax } from "../limits.ts";
import type { DeviceRecord } from "../records.ts";
import { type RmaRecord, rmas } from "./rma.ts";

export const rateGroupings = ["batch", "lot", "station", "release", "board", "model"] as const;
export type RateGrouping = (typeof rateGroupings)[number];

export interface FailureRate {
  group: string;
  /** devices born in the group (for "release": that run it or came back with it) */
  devices: number;
  /** devices of it that came back at least once */
  returned: number;
  share: number;
  /** Wilson interval, 95 % */
  low: number;
  high: number;
  /** returns by failure code, most frequent first */
  codes: [failureCode: string, count: number][];
}

/** Rates of all groups, the surest problem (highest lower bound) first. Reads the whole fleet once. */
export async function failureRates(tx: Tx, by: RateGrouping): Promise<FailureRate[]> {
  const devices = new Map<string, number>();
  for (let after: string | undefined; ; ) {
    const page = await tx.devices({ after, limit: devicesPerReadMax });
    for (const device of page) for (const group of groupsOf(device, by)) add(devices, group, 1);
    if (page.length < devicesPerReadMax) break;
    after = page.at(-1)!.serial;
  }
  const returned = new Map<string, Set<string>>();
  const codes = new Map<string, Map<string, number>>();
  for (let after: string | undefined; ; ) {
    const page = await tx.documents.list(rmas, { after, limit: devicesPerReadMax });
    for (const { value } of page) {
      for (const group of groupsOfReturn(value, by)) {
        returned.set(group, (returned.get(group) ?? new Set()).add(value.serial));
        const counts = codes.get(group) ?? new Map<string, number>();
        add(counts, value.failureCode, 1);
        codes.set(group, counts);
      }
    }
    if (page.length < devicesPerReadMax) break;
    after = page.at(-1)!.id;
  }
  const groups = [...new Set([...devices.keys(), ...returned.keys()])];
  return groups
    .map((group) => {
      const bad = returned.get(group)?.size ?? 0;
      // A device that came back with a release may run another one now; it still counts for both.
      const all = Math.max(devices.get(group) ?? 0, bad);
      const [low, high] = wilson(bad, all);
      const byCode = [...(codes.get(group) ?? [])].sort(
        (a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1),
      );
      return { group, devices: all, returned: bad, share: bad / all, low, high, codes: byCode };
    })
    .sort((a, b) => b.low - a.low || b.returned - a.returned || (a.group < b.group ? -1 : 1));
}

/** Wilson score interval at 95 % for a share. Pure. Source: Wilson 1927, as in NIST's handbook 7.2.4.1 */
export function wilson(hits: number, total: number): [low: number, high: number] {
  if (total === 0) return [0, 1];
  const z = 1.959964;
  const p = hits / total;
  const middle = p + (z * z) / (2 * total);
  const spread = z * Math.sqrt((p * (1 - p)) / total + (z * z) / (4 * total * total));
  const scale = 1 + (z * z) / total;
  return [Math.max(0, (middle - spread) / scale), Math.min(1, (middle + spread) / scale)];
}

function groupsOf(device: DeviceRecord, by: RateGrouping): string[] {
  const { birth } = device;
  if (by === "lot") return lotsOf(birth.lots);
  return [by === "release" ? String(device.runningSequence) : birth[by]];
}

function groupsOfReturn({ found, teardown }: RmaRecord, by: RateGrouping): string[] {
  if (by === "release") return [String(found.runningSequence)];
  if (by !== "lot") return [found[by]];
  // Where the teardown names the part at fault, the other parts of the device are innocent.
  if (teardown?.component && teardown.lot) return [`${teardown.component}=${teardown.lot}`];
  return lotsOf(found.lots);
}

function lotsOf(lots: Record<string, string> | undefined): string[] {
  return Object.entries(lots ?? {}).map(([component, lot]) => `${component}=${lot}`);
}

function add(counts: Map<string, number>, key: string, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}
