import {
  type OpenWindow,
  type RolloutPolicy,
  type WindowsPolicy,
  weekdays,
} from "./policyTypes.ts";
import type { DeviceFacts, DeviceProgress, RolloutRecord } from "./types.ts";
import { localTime } from "./zone.ts";

const minuteMs = 60_000;
/** Step and reach of the search for the next opening: windows begin on minutes, and every one within a week. */
const searchMs = 8 * 24 * 60 * minuteMs;

/** Zone a device lives in: its own, its site's, the policy's. */
export function zoneOf(windows: WindowsPolicy, device: DeviceFacts): string {
  const ofSite = device.site ? windows.siteZones[device.site] : undefined;
  return device.timeZone ?? ofSite ?? windows.zone;
}

/** Tells whether an update may begin on a device at an instant. Pure. */
export function isOpenFor(policy: RolloutPolicy, device: DeviceFacts, atMs: number): boolean {
  const { windows } = policy;
  if (!windows) return true;
  const { day, minute } = localTime(zoneOf(windows, device), atMs);
  return windows.open.some((window) => isWithin(window, day, minute));
}

/** Next instant at which an update may begin, to the minute; null when none is within eight days (a clock change can
 *  swallow one). Pure; used in answers only. */
export function nextOpening(
  policy: RolloutPolicy,
  device: DeviceFacts,
  nowMs: number,
): number | null {
  // Quarter hours first: 770 looks find the hour, then the minute is found backwards.
  for (let at = nowMs; at <= nowMs + searchMs; at += 15 * minuteMs) {
    if (!isOpenFor(policy, device, at)) continue;
    let first = Math.floor(at / minuteMs) * minuteMs;
    while (first - minuteMs > nowMs && isOpenFor(policy, device, first - minuteMs))
      first -= minuteMs;
    return Math.max(first, nowMs);
  }
  return null;
}

/** True when a device was waited for as long as the policy says and no window met it. Pure. */
export function hasMissedWindows(
  record: RolloutRecord,
  device: DeviceFacts,
  entry: DeviceProgress | undefined,
  nowMs: number,
): boolean {
  const { windows } = record.policy;
  if (!windows || (entry && entry.deliveredMs !== null)) return false;
  const wave = record.assigned[device.serial] ?? record.wave;
  if (wave > record.wave) return false;
  return nowMs - waveOpenedMs(record, wave) > windows.waitMs;
}

/** When a wave was opened. */
export function waveOpenedMs(record: RolloutRecord, wave: number): number {
  if (wave === record.wave) return record.waveStartedMs;
  const before = record.verdicts.find((one) => one.wave === wave - 1 && one.result === "promote");
  return before?.atMs ?? record.startedMs ?? record.waveStartedMs;
}

function isWithin({ days, from, to }: OpenWindow, day: number, minute: number): boolean {
  const begin = minutesOf(from);
  const end = minutesOf(to);
  const isDay = (one: number) => days.includes(weekdays[one]!);
  if (begin < end) return isDay(day) && minute >= begin && minute < end;
  return (isDay(day) && minute >= begin) || (isDay((day + 6) % 7) && minute < end);
}

/** Minutes since midnight of "22:00". */
export function minutesOf(text: string): number {
  return Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
}
