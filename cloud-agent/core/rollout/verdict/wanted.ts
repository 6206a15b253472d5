import type { DeviceFacts, RolloutRecord } from "../types.ts";
import { devicesPerBoardMax, lookBackMsMin } from "./limits.ts";
import { type Look, lookDue } from "./spending.ts";

/** Devices and span whose vitals a look wants to see. */
export interface VitalsWanted {
  serials: string[];
  sinceMs: number;
  /** buckets of a summary begin there: what was before the wave and what came after are never mixed */
  cutMs: number;
  /** names of the custom metrics that are judged, without "m." */
  metrics: string[];
}

/** Which look at the current wave is due, its last wave's gate taken as open. Pure. */
export function lookOf(record: RolloutRecord, isGateOpen: boolean, nowMs: number): Look | null {
  const judged = record.judged?.wave === record.wave ? record.judged : null;
  const { soakMs } = record.policy.waves[record.wave]!;
  const { soakStartedMs } = record;
  return lookDue(
    { soakStartedMs, soakMs, isGateOpen },
    judged?.look ?? null,
    judged?.atMs ?? 0,
    nowMs,
  );
}

/** Names what the next step wants to see of vitals: of each board as many updated devices, held-back ones and others as
 *  the tests need, those of the current wave first. Nothing while no look is due. Pure; O(devices). */
export function vitalsWanted(
  record: RolloutRecord,
  devices: DeviceFacts[],
  nowMs: number,
): VitalsWanted {
  const wave = record.policy.waves[record.wave];
  const sinceMs = record.waveStartedMs - Math.max(wave?.soakMs ?? 0, lookBackMsMin);
  const cutMs = record.waveStartedMs;
  const metrics = Object.keys(record.policy.thresholds.metrics);
  const wanted: VitalsWanted = { serials: [], sinceMs, cutMs, metrics };
  if (record.status !== "running" || wave === undefined) return wanted;
  // A wave without a soak starts it and ends it in one step.
  const isAtOnce = record.soakStartedMs === null && wave.soakMs === 0;
  if (!isAtOnce && lookOf(record, true, nowMs) === null) return wanted;
  const held = new Set(record.holdBack);
  const counts = new Map<string, number>();
  const take = (device: DeviceFacts, side: string) => {
    const key = `${side} ${device.board}`;
    const count = counts.get(key) ?? 0;
    if (count >= devicesPerBoardMax) return;
    counts.set(key, count + 1);
    wanted.serials.push(device.serial);
  };
  const own = (device: DeviceFacts) => record.assigned[device.serial] === record.wave;
  const known = devices.filter((device) => record.assigned[device.serial] !== undefined);
  for (const device of [...known.filter(own), ...known.filter((one) => !own(one))]) {
    if (device.runningSequence === record.policy.sequence) take(device, "fresh");
    else take(device, held.has(device.serial) ? "held" : "old");
  }
  return wanted;
}
