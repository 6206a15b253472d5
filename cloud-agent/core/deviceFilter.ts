/** Which devices somebody means: by labels, by where they come from, by what they run. Pure. */
import type { DeviceRecord } from "./records.ts";

/** Every field that is given must match. */
export interface DeviceFilter {
  site?: string;
  group?: string;
  tag?: string;
  account?: string;
  model?: string;
  board?: string;
  batch?: string;
  /** sequence it runs */
  sequence?: number;
  /** id of the gateway that its last contact came through */
  gateway?: string;
}

export function isMeant(device: DeviceRecord, filter: DeviceFilter): boolean {
  const { birth, tags, runningSequence, route } = device;
  const { tag, sequence, gateway } = filter;
  for (const name of ["site", "group", "account"] as const) {
    if (filter[name] !== undefined && filter[name] !== device[name]) return false;
  }
  for (const name of ["model", "board", "batch"] as const) {
    if (filter[name] !== undefined && filter[name] !== birth[name]) return false;
  }
  if (tag !== undefined && !tags.includes(tag)) return false;
  if (sequence !== undefined && sequence !== runningSequence) return false;
  return gateway === undefined || route === `gw/${gateway}`;
}
