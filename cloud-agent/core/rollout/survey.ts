import type { NewEvent } from "../records.ts";
import { assignWaves, waveForNewcomer } from "./assign.ts";
import { imageFor, isTargeted } from "./facts.ts";
import { isCause, type Standing, standingOf } from "./standing.ts";
import type {
  Cause,
  DeviceFacts,
  DeviceProgress,
  RolloutEffect,
  RolloutRecord,
  RolloutView,
} from "./types.ts";
import { causeWords, deviceWords } from "./words.ts";

/** Counts of one wave's own devices. */
export interface WaveTally {
  wave: number;
  /** updated + pending + causes: the denominator of every share */
  reachable: number;
  updated: number;
  pending: DeviceFacts[];
  causes: Record<Cause, DeviceFacts[]>;
  /** listed, never counted */
  silent: DeviceFacts[];
  deferred: DeviceFacts[];
  away: number;
  acknowledged: number;
}

/** What one look at the fleet found. */
export interface Survey {
  record: RolloutRecord;
  effects: RolloutEffect[];
  tallies: WaveTally[];
  /** devices that run the release, and devices that could but do not yet */
  updated: DeviceFacts[];
  others: DeviceFacts[];
}

/** Looks at every targeted device once: gives newcomers a wave, notes first contacts, confirmations and causes, and
 *  counts each wave. Devices that left the target are simply not met, so they leave every denominator. Pure;
 *  O(devices). */
export function survey(record: RolloutRecord, view: RolloutView, nowMs: number): Survey {
  const targeted = view.devices.filter((device) => isTargeted(record.policy.target, device));
  let current = withNewcomers(record, view, targeted);
  const progress = current.progress ?? {};
  let changed: Record<string, DeviceProgress> | null = null;
  const effects: RolloutEffect[] = [];
  const tallies = record.policy.waves.map((_, wave) => emptyTally(wave));
  const updated: DeviceFacts[] = [];
  const others: DeviceFacts[] = [];
  for (const device of targeted) {
    const wave = current.assigned[device.serial];
    if (wave === undefined) continue;
    let entry = progress[device.serial];
    if (entry !== undefined && entry.deliveredMs === null && contactedSince(device, entry)) {
      entry = { ...entry, deliveredMs: device.lastSeenMs };
    }
    const standing = standingOf(record.policy, view.release, device, entry, nowMs);
    if (entry !== undefined) {
      const next = noted(current, device, entry, standing, nowMs, effects);
      if (next !== progress[device.serial]) {
        changed ??= { ...progress };
        changed[device.serial] = next;
        entry = next;
      }
    }
    count(tallies[wave]!, device, standing, entry);
    if (standing === "updated") updated.push(device);
    else if (standing === "pending" || standing === "silent") others.push(device);
  }
  if (changed !== null) current = { ...current, progress: changed };
  return { record: current, effects, tallies, updated, others };
}

function contactedSince(device: DeviceFacts, entry: DeviceProgress): boolean {
  return device.lastSeenMs !== null && device.lastSeenMs > entry.offeredMs;
}

/** Gives waves to all (first look) or to those who came since. */
function withNewcomers(
  record: RolloutRecord,
  view: RolloutView,
  targeted: DeviceFacts[],
): RolloutRecord {
  const fresh = targeted.filter(
    (device) =>
      record.assigned[device.serial] === undefined && imageFor(view.release, device) !== null,
  );
  if (fresh.length === 0) return record;
  const assigned = { ...record.assigned };
  const known = targeted.filter((device) => assigned[device.serial] !== undefined);
  const boards = new Set(known.map((device) => device.board));
  for (const device of fresh) {
    assigned[device.serial] = waveForNewcomer(record, device, !boards.has(device.board));
    boards.add(device.board);
  }
  return { ...record, assigned };
}

/** Assigns every targeted device that the release has an image for: done once, at the start. Pure. */
export function assignAtStart(
  record: RolloutRecord,
  view: RolloutView,
  nowMs: number,
): RolloutRecord {
  const devices = view.devices.filter(
    (device) => isTargeted(record.policy.target, device) && imageFor(view.release, device) !== null,
  );
  return { ...record, ...assignWaves(record.policy, devices, nowMs) };
}

function noted(
  record: RolloutRecord,
  device: DeviceFacts,
  entry: DeviceProgress,
  standing: Standing,
  nowMs: number,
  effects: RolloutEffect[],
): DeviceProgress {
  const tell = (event: NewEvent) => effects.push({ kind: "event", event });
  const common = {
    serial: device.serial,
    rolloutId: record.id,
    sequence: record.policy.sequence,
    data: { wave: record.assigned[device.serial] ?? null, board: device.board },
  };
  if (standing === "updated") {
    if (entry.confirmedMs !== null && entry.cause === null) return entry;
    const text = `${deviceWords(device)} runs release ${record.policy.sequence} and has confirmed it.`;
    tell({ ...common, kind: "rolloutDeviceUpdated", text });
    return { ...entry, confirmedMs: entry.confirmedMs ?? nowMs, cause: null };
  }
  if (!isCause(standing) || entry.cause === standing) return entry;
  const text = `${deviceWords(device)} did not take release ${record.policy.sequence}: ${causeWords(standing, device)}.`;
  const code = standing === "rejected" ? device.refused?.code : device.lastFailed?.code;
  const event = { ...common, kind: "rolloutDeviceFailed", code: code ?? null, text };
  tell({ ...event, data: { ...common.data, cause: standing } });
  return { ...entry, cause: standing };
}

function count(
  tally: WaveTally,
  device: DeviceFacts,
  standing: Standing,
  entry: DeviceProgress | undefined,
): void {
  if (standing === "updated") {
    tally.updated++;
    tally.reachable++;
  } else if (standing === "pending") {
    tally.pending.push(device);
    tally.reachable++;
  } else if (isCause(standing)) {
    // An acknowledged failure leaves both sides of the share: it neither halts again nor thins out what comes next.
    if (entry?.acknowledged === standing) tally.acknowledged++;
    else {
      tally.causes[standing].push(device);
      tally.reachable++;
    }
  } else if (standing === "silent") tally.silent.push(device);
  else if (standing === "deferred") tally.deferred.push(device);
  else if (standing === "away") tally.away++;
}

function emptyTally(wave: number): WaveTally {
  return {
    wave,
    reachable: 0,
    updated: 0,
    pending: [],
    causes: { failed: [], reverted: [], rejected: [], timedOut: [] },
    silent: [],
    deferred: [],
    away: 0,
    acknowledged: 0,
  };
}
