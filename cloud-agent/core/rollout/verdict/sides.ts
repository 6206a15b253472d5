import { median } from "../stats.ts";
import type { DeviceFacts, RolloutRecord } from "../types.ts";
import { pastPairsMin } from "./limits.ts";
import type { Measure } from "./measures.ts";
import type { Bucket, VitalsSummary } from "./summary.ts";
import type { Baseline } from "./types.ts";

/** Vitals of one device before and since the wave began. */
export interface DeviceVitals {
  serial: string;
  battery: VitalsSummary["battery"];
  past: Bucket[];
  now: Bucket[];
}

/** One board's devices: updated ones, and those on the old release. */
export interface BoardSides {
  board: string;
  fresh: DeviceVitals[];
  held: DeviceVitals[];
  /** held back or not updated yet */
  old: DeviceVitals[];
}

/** Divides summaries by board and side. The past is the old release before the wave began. Pure. */
export function sidesOf(
  record: RolloutRecord,
  vitals: Record<string, VitalsSummary>,
  updated: DeviceFacts[],
  others: DeviceFacts[],
): BoardSides[] {
  const held = new Set(record.holdBack);
  const boards = new Map<string, BoardSides>();
  const { sequence } = record.policy;
  const sinceMs = record.waveStartedMs;
  const split = (device: DeviceFacts, isFresh: boolean): DeviceVitals => {
    const { buckets, battery } = vitals[device.serial]!;
    const past = (one: Bucket) => one.sequence !== sequence && (isFresh || one.fromMs < sinceMs);
    const now = (one: Bucket) => (one.sequence === sequence) === isFresh && one.fromMs >= sinceMs;
    const { serial } = device;
    return { serial, battery, past: buckets.filter(past), now: buckets.filter(now) };
  };
  const sidesFor = (board: string): BoardSides => {
    const sides = boards.get(board) ?? { board, fresh: [], held: [], old: [] };
    boards.set(board, sides);
    return sides;
  };
  const known = (device: DeviceFacts) => vitals[device.serial] !== undefined;
  for (const device of updated.filter(known)) {
    sidesFor(device.board).fresh.push(split(device, true));
  }
  for (const device of others.filter(known)) {
    const sides = sidesFor(device.board);
    const vital = split(device, false);
    sides.old.push(vital);
    if (held.has(device.serial)) sides.held.push(vital);
  }
  return [...boards.values()].filter((sides) => sides.fresh.length > 0);
}

/** Values to compare, corrected by each device's own past. */
export interface Values {
  fresh: number[];
  base: number[];
  baseline: Baseline;
  /** typical standard error of one value */
  error: number;
  /** figures as measured, for people */
  freshValue: number;
  baseValue: number;
}

interface Paired {
  now: Measure;
  past: Measure | null;
}

/** How one metric is taken from one device. */
export interface Reader {
  /** null for too few samples */
  read: (buckets: Bucket[]) => Measure | null;
  /** false for a device that does not report it at all */
  has: (device: DeviceVitals) => boolean;
}

/** Chooses whom to compare with, and measures both sides. Pure.
 *  @returns "waiting" when the comparison can still come, null when there is nothing to compare */
export function valuesOf(
  sides: BoardSides,
  { read, has }: Reader,
  isSoaked: boolean,
): Values | "waiting" | null {
  // A board without this metric is not waited for.
  if (!sides.fresh.some(has) && !sides.old.some(has)) return null;
  const measured = (devices: DeviceVitals[]) =>
    devices.filter(has).flatMap((device): Paired[] => {
      const now = read(device.now);
      return now === null ? [] : [{ now, past: read(device.past) }];
    });
  const fresh = measured(sides.fresh);
  const waitOr = (base: Paired[], baseline: Baseline) =>
    fresh.length === 0 ? "waiting" : adjusted(fresh, base, baseline);
  const held = measured(sides.held);
  if (held.length > 0) return waitOr(held, "heldBack");
  // Someone on the old release reports, but too seldom so far. That comparison is waited for: the devices' own past was
  // another time, and could call a good release bad. So is the one with the held-back devices, as long as the soak lasts.
  const reports = (device: DeviceVitals) => has(device) && device.now.length > 0;
  if (!isSoaked && sides.held.some(reports)) return "waiting";
  const old = measured(sides.old);
  if (old.length > 0) return waitOr(old, "notUpdated");
  if (sides.old.some(reports)) return "waiting";
  const past = fresh.flatMap((one) => (one.past === null ? [] : [{ now: one.past, past: null }]));
  if (past.length === 0) return null;
  return adjusted(
    fresh.map(({ now }) => ({ now, past: null })),
    past,
    "ownPast",
  );
}

/** Takes out of each value what the device's past foretells. How much that is (0 to 1) is seen on the base side alone,
 *  so that what the release does never weighs in. */
function adjusted(fresh: Paired[], base: Paired[], baseline: Baseline): Values {
  const weight = pastWeight(base);
  const pasts = [...fresh, ...base].flatMap((one) => (one.past === null ? [] : [one.past.value]));
  const middle = pasts.length > 0 ? median(pasts) : 0;
  const value = ({ now, past }: Paired) =>
    past === null ? now.value : now.value - weight * (past.value - middle);
  const error = (side: Paired[]) => median(side.map(({ now }) => now.error));
  return {
    fresh: fresh.map(value),
    base: base.map(value),
    baseline,
    error: Math.max(error(fresh), error(base)),
    freshValue: median(fresh.map(({ now }) => now.value)),
    baseValue: median(base.map(({ now }) => now.value)),
  };
}

function pastWeight(base: Paired[]): number {
  const pairs = base.filter((one) => one.past !== null);
  if (pairs.length < pastPairsMin) return 0;
  const pastMean = pairs.reduce((sum, one) => sum + one.past!.value, 0) / pairs.length;
  const nowMean = pairs.reduce((sum, one) => sum + one.now.value, 0) / pairs.length;
  let both = 0;
  let squares = 0;
  for (const one of pairs) {
    const off = one.past!.value - pastMean;
    both += off * (one.now.value - nowMean);
    squares += off * off;
  }
  return squares > 0 ? Math.min(1, Math.max(0, both / squares)) : 0;
}
