import type { NewEvent, ReleaseRecord } from "../records.ts";
import { assignWaves, waveForNewcomer } from "./assign.ts";
import { lacksConsent } from "./consent.ts";
import { imageFor, isTargeted } from "./facts.ts";
import { isBoxed } from "./penalty.ts";
import { retryAtMs } from "./retry.ts";
import { isCause, type Standing, standingOf } from "./standing.ts";
import type {
  Cause,
  DeviceFacts,
  DeviceProgress,
  RolloutEffect,
  RolloutRecord,
  RolloutView,
} from "./types.ts";
import { viaFor } from "./via.ts";
import { hasMissedWindows, isOpenFor } from "./windows.ts";
import { causeWords, codeText, deviceWords, timeWords } from "./words.ts";

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
  missedWindows: DeviceFacts[];
  /** their owners have not agreed yet */
  awaitingConsent: DeviceFacts[];
  /** in the penalty box */
  boxed: DeviceFacts[];
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
  /** serials among `others` that are silent */
  silent: Set<string>;
  /** serial → release that it has to pass through first */
  onWay: Map<string, number>;
}

/** Looks at every targeted device once: gives newcomers a wave, notes first contacts, confirmations, causes and tries, and
 *  counts each wave. Devices that left the target are simply not met, so they leave every denominator. Pure;
 *  O(devices). */
export function survey(record: RolloutRecord, view: RolloutView, nowMs: number): Survey {
  const targeted = view.devices.filter((device) => isTargeted(record, device, nowMs));
  const current = withNewcomers(record, view, targeted, nowMs);
  const progress = current.progress ?? {};
  const changed: Record<string, DeviceProgress> = {};
  const seen: Survey = {
    record: current,
    effects: [],
    tallies: record.policy.waves.map((_, wave) => emptyTally(wave)),
    ...{ updated: [], others: [], silent: new Set(), onWay: new Map() },
  };
  for (const device of targeted) {
    const { serial } = device;
    const wave = current.assigned[serial];
    if (wave === undefined) continue;
    const via = viaFor(record.policy, device, view.releases ?? []);
    if (via !== null) seen.onWay.set(serial, via.sequence);
    const before = progress[serial];
    const met = before && meet(current, device, before, via, nowMs, seen.effects);
    const found = standingOf(record.policy, via ?? view.release, device, met, nowMs);
    const retry = met && found === "rejected" ? planRetry(current, device, met, nowMs) : null;
    const standing = retry === null ? found : "retrying";
    const sequence = via?.sequence ?? record.policy.sequence;
    if (retry !== null) seen.effects.push(retry.effect);
    const entry =
      retry?.entry ?? (met && noted(current, device, met, standing, sequence, nowMs, seen.effects));
    if (entry !== undefined && entry !== before) changed[serial] = entry;
    sortIn(seen, seen.tallies[wave]!, device, standing, entry, nowMs);
  }
  if (Object.keys(changed).length > 0) {
    seen.record = { ...current, progress: { ...progress, ...changed } };
  }
  return seen;
}

/** Puts a device where it counts. */
function sortIn(
  seen: Survey,
  tally: WaveTally,
  device: DeviceFacts,
  standing: Standing,
  entry: DeviceProgress | undefined,
  nowMs: number,
): void {
  const list =
    standing === "pending" ? waitingList(seen.record, tally, device, entry, nowMs) : null;
  if (list !== null) list.push(device);
  else count(tally, device, standing, entry);
  if (standing === "updated") seen.updated.push(device);
  else if (isOnItsWay(standing) || standing === "silent") {
    seen.others.push(device);
  }
  if (standing === "silent") seen.silent.add(device.serial);
}

/** On its way, for whatever it waits. */
function isOnItsWay(standing: Standing): boolean {
  return standing === "pending" || standing === "retrying" || standing === "waitingForField";
}

/** The list of a device that is not waited for, null for one that is. */
function waitingList(
  record: RolloutRecord,
  tally: WaveTally,
  device: DeviceFacts,
  entry: DeviceProgress | undefined,
  nowMs: number,
): DeviceFacts[] | null {
  if (isBoxed(device, nowMs)) return tally.boxed;
  const isOpen = tally.wave <= record.wave;
  if (isOpen && entry === undefined && lacksConsent(record, device.serial, nowMs)) {
    return tally.awaitingConsent;
  }
  return hasMissedWindows(record, device, entry, nowMs) ? tally.missedWindows : null;
}

/** Notes the first contact after an offer, and starts a device's time anew when it has come to another release on its way
 *  or when its next try is due. */
function meet(
  record: RolloutRecord,
  device: DeviceFacts,
  entry: DeviceProgress,
  via: ReleaseRecord | null,
  nowMs: number,
  effects: RolloutEffect[],
): DeviceProgress {
  const viaSequence = via?.sequence ?? null;
  const isElsewhere = (entry.via ?? null) !== viaSequence;
  const isDue = entry.retryAtMs != null && nowMs >= entry.retryAtMs;
  const sequence = viaSequence ?? record.policy.sequence;
  // Beyond its way it may have arrived by itself, which needs no offer.
  const isBelow = device.runningSequence < sequence;
  if (record.status === "running" && (isElsewhere || isDue) && isBelow) {
    effects.push({ kind: "offer", serial: device.serial, sequence });
    const fresh = { via: viaSequence, offeredMs: nowMs, deliveredMs: null, retryAtMs: null };
    return { ...entry, ...fresh, tries: isElsewhere ? 0 : entry.tries };
  }
  if (entry.deliveredMs !== null || !isDeliveredTo(record, device, entry)) return entry;
  return { ...entry, deliveredMs: device.lastSeenMs };
}

/** Another try for a refusal that may pass, null when there is none. */
function planRetry(
  record: RolloutRecord,
  device: DeviceFacts,
  entry: DeviceProgress,
  nowMs: number,
): { entry: DeviceProgress; effect: RolloutEffect } | null {
  const code = device.refused?.code ?? 0;
  // What was counted already stays counted: a cause is not taken back by a rule that came later.
  const atMs = entry.cause === null ? retryAtMs(record.policy, entry, code, nowMs) : null;
  if (atMs === null) return null;
  const tries = (entry.tries ?? 0) + 1;
  const text = `${deviceWords(device)} refused release ${device.refused!.sequence} (${codeText(code)}); try ${tries + 1} comes at ${timeWords(atMs)}.`;
  const event: NewEvent = {
    kind: "updateRetryPlanned",
    ...{ serial: device.serial, rolloutId: record.id, sequence: device.refused!.sequence, code },
    text,
    data: { tries, retryAtMs: atMs },
  };
  return { entry: { ...entry, tries, retryAtMs: atMs }, effect: { kind: "event", event } };
}

/** A contact outside the windows told the device nothing. */
function isDeliveredTo(record: RolloutRecord, device: DeviceFacts, entry: DeviceProgress): boolean {
  const { lastSeenMs } = device;
  if (lastSeenMs === null || lastSeenMs <= entry.offeredMs) return false;
  return isOpenFor(record.policy, device, lastSeenMs);
}

/** Gives waves to all (first look) or to those who came since. */
function withNewcomers(
  record: RolloutRecord,
  view: RolloutView,
  targeted: DeviceFacts[],
  nowMs: number,
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
    assigned[device.serial] = waveForNewcomer(record, device, !boards.has(device.board), nowMs);
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
    (device) => isTargeted(record, device, nowMs) && imageFor(view.release, device) !== null,
  );
  return { ...record, ...assignWaves(record.policy, devices, nowMs) };
}

function noted(
  record: RolloutRecord,
  device: DeviceFacts,
  entry: DeviceProgress,
  standing: Standing,
  sequence: number,
  nowMs: number,
  effects: RolloutEffect[],
): DeviceProgress {
  const tell = (event: NewEvent) => effects.push({ kind: "event", event });
  const common = {
    serial: device.serial,
    rolloutId: record.id,
    sequence,
    data: { wave: record.assigned[device.serial] ?? null, board: device.board },
  };
  if (standing === "updated") {
    if (entry.confirmedMs !== null && entry.cause === null) return entry;
    const text = `${deviceWords(device)} runs release ${record.policy.sequence} and has confirmed it.`;
    tell({ ...common, kind: "rolloutDeviceUpdated", text });
    return { ...entry, confirmedMs: entry.confirmedMs ?? nowMs, cause: null };
  }
  if (!isCause(standing) || entry.cause === standing) return entry;
  const text = `${deviceWords(device)} did not take release ${sequence}: ${causeWords(standing, device)}.`;
  const code = standing === "rejected" ? device.refused?.code : device.lastFailed?.code;
  const event = { ...common, kind: "rolloutDeviceFailed", code: code ?? null, text };
  tell({ ...event, data: { ...common.data, cause: standing } });
  const rule = record.policy.penaltyBox ?? null;
  // Slowness is no failure: a device that times out may still take it.
  if (rule !== null && standing !== "timedOut") {
    effects.push({ kind: "failure", serial: device.serial, sequence, rule });
  }
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
  } else if (isOnItsWay(standing)) {
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
    missedWindows: [],
    awaitingConsent: [],
    boxed: [],
    away: 0,
    acknowledged: 0,
  };
}
