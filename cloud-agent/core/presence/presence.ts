/** Whether a device keeps its promise to come again. Times named "steady" are those of the listening clock (listening.ts);
 *  the wall clock is only shown. Pure. */
import { Lifecycle } from "../../../firmware/protocol/messages.ts";
import type { DeviceRecord, NewEvent } from "../records.ts";
import { durationWords } from "../rollout/words.ts";
import {
  firstRepeatMs,
  jitterShare,
  latenessMs,
  latenessMsMin,
  latenessShare,
  localAfterMs,
  localPauseMs,
  repeatMsMax,
} from "./limits.ts";
import { type Gap, gapWithin } from "./listening.ts";

/** Kept in the device's record. */
export interface Presence {
  /** steady time of the last authenticated contact, or of the first turn that watched it */
  heardMs: number;
  /** pause that the device promised then, or was asked for in the answer, whichever is longer */
  promisedMs: number;
  /** steady time at which it counts as offline */
  dueMs: number;
  isOffline: boolean;
  /** wall clock: since when it is on, or off */
  sinceMs: number;
}

export type PresenceState = "unwatched" | "online" | "late" | "offline";

/** Devices that are expected to come: those in somebody's service. One that is leaving waits for its owner, not for us. */
export function isWatched(device: DeviceRecord): boolean {
  const { lifecycle } = device;
  return lifecycle === Lifecycle.Operating || lifecycle === Lifecycle.Maintenance;
}

/** Steady time at which somebody has to judge the device; null for never. One that was never judged is due at once. */
export function judgeAtMs(device: DeviceRecord): number | null {
  if (!isWatched(device)) return null;
  if (!device.presence) return 0;
  return device.presence.isOffline ? null : device.presence.dueMs;
}

/** How long after its promise a device is waited for: at most its own pause. */
export function latenessOf(promisedMs: number): number {
  const allowedMs = Math.min(promisedMs, promisedMs * latenessShare + latenessMs);
  return Math.max(allowedMs, latenessMsMin);
}

/** Notes a contact whose sender was proven.
 *  @returns the device, and the event that it is back, where it was away */
export function heard(
  device: DeviceRecord,
  now: { steadyMs: number; wallMs: number },
): { device: DeviceRecord; event: NewEvent | null } {
  const before = device.presence;
  const wasOffline = before?.isOffline === true;
  const sinceMs = before && !wasOffline ? before.sinceMs : now.wallMs;
  const presence = expected(device, now.steadyMs, sinceMs);
  const event = wasOffline ? cameBack(device, now.steadyMs - before.heardMs) : null;
  return { device: { ...device, presence }, event };
}

/** Judges a device that did not come in time. While nobody listened, or the clocks stood still, it could not come: then it
 *  has one more of its pauses from the end of that time.
 *  @returns the device as it stands now: waited for again, or offline, with the event */
export function judge(
  device: DeviceRecord,
  gaps: readonly Gap[],
  now: { steadyMs: number; wallMs: number },
): { device: DeviceRecord; event: NewEvent | null } {
  const { presence } = device;
  if (!presence) {
    // Nobody knows how long it has been trying: an agent from before may have been away for long.
    const first = expected(device, now.steadyMs, now.wallMs);
    const dueMs = Math.max(first.dueMs, now.steadyMs + repeatedWithinMs(repeatMsMax));
    return { device: { ...device, presence: { ...first, dueMs } }, event: null };
  }
  if (!isWatched(device) || presence.isOffline || presence.dueMs > now.steadyMs) {
    return { device, event: null };
  }
  const promiseMs = presence.heardMs + presence.promisedMs;
  const gap = gapWithin(gaps, promiseMs, presence.dueMs);
  const againMs = gap === null ? 0 : againAtMs(gap, presence);
  if (againMs > now.steadyMs) {
    return { device: { ...device, presence: { ...presence, dueMs: againMs } }, event: null };
  }
  const away: Presence = { ...presence, isOffline: true, sinceMs: now.wallMs };
  return { device: { ...device, presence: away }, event: wentOffline(device, presence, now) };
}

/** By when a device has to come after a gap: its own pause, or what its repeats may have grown to since its promise; each
 *  wait is at most as long as all before it and the first one. */
function againAtMs(gap: Gap, { heardMs, promisedMs }: Presence): number {
  const triedMs = Math.max(0, gap.untilMs - heardMs - promisedMs);
  const mostMs = triedMs > localAfterMs ? localPauseMs : repeatMsMax;
  const repeatMs = repeatedWithinMs(Math.min(triedMs + firstRepeatMs, mostMs));
  return gap.untilMs + Math.max(promisedMs + latenessOf(promisedMs), repeatMs);
}

function repeatedWithinMs(pauseMs: number): number {
  return pauseMs * (1 + jitterShare) + latenessMsMin;
}

/** What a list shows. @param steadyMs the listening clock now */
export function presenceOf(
  device: DeviceRecord,
  steadyMs: number,
): { state: PresenceState; sinceMs: number | null; promisedS: number | null } {
  const { presence } = device;
  if (!presence || !isWatched(device)) {
    return { state: "unwatched", sinceMs: null, promisedS: null };
  }
  const { heardMs, promisedMs, sinceMs } = presence;
  const isLate = steadyMs > heardMs + promisedMs * (1 + jitterShare);
  const state = presence.isOffline ? "offline" : isLate ? "late" : "online";
  return { state, sinceMs, promisedS: promisedMs / 1000 };
}

function expected(device: DeviceRecord, steadyMs: number, sinceMs: number): Presence {
  // The answer to this contact may have asked for a longer pause than the device knew of when it promised.
  const promisedMs = Math.max(device.nextCheckInS, device.checkInS, 1) * 1000;
  const dueMs = steadyMs + promisedMs + latenessOf(promisedMs);
  return { heardMs: steadyMs, promisedMs, dueMs, isOffline: false, sinceMs };
}

function wentOffline(
  device: DeviceRecord,
  presence: Presence,
  now: { steadyMs: number; wallMs: number },
): NewEvent {
  const promised = durationWords(presence.promisedMs);
  const silent = durationWords(now.steadyMs - presence.heardMs);
  return {
    kind: "deviceWentOffline",
    serial: device.serial,
    sequence: device.runningSequence,
    text: `${device.serial} promised to come within ${promised} and has been silent for ${silent}.`,
    data: {
      lastSeenMs: device.lastSeenMs,
      promisedS: presence.promisedMs / 1000,
      site: device.site,
      route: device.route,
    },
  };
}

function cameBack(device: DeviceRecord, silentMs: number): NewEvent {
  return {
    kind: "deviceCameBack",
    serial: device.serial,
    sequence: device.runningSequence,
    text: `${device.serial} came back after ${durationWords(silentMs)} of silence.`,
    data: { silentMs, lastSeenMs: device.lastSeenMs },
  };
}
