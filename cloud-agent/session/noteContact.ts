import { heard } from "../core/presence/presence.ts";
import type { DeviceRecord } from "../core/records.ts";
import type { Step } from "./context.ts";

/** Notes that a device made contact, proven by its key, and over which route. A device that was away is back.
 *  @returns the device, to be stored */
export async function noteContact(step: Step, device: DeviceRecord): Promise<DeviceRecord> {
  const { ports, tx, incoming } = step;
  const steadyMs = ports.steadyMs?.() ?? incoming.nowMs;
  const noted = heard(device, { steadyMs, wallMs: incoming.nowMs });
  if (noted.event) await tx.appendEvent(noted.event, incoming.nowMs);
  return { ...noted.device, lastSeenMs: incoming.nowMs, route: incoming.route };
}
