import type { ReleaseRecord } from "../records.ts";
import { imageFor } from "./facts.ts";
import type { RolloutPolicy } from "./policyTypes.ts";
import type { DeviceFacts } from "./types.ts";

/** The next release that a device must pass through before the rollout's own: the lowest above what it runs that says so
 *  itself, or that the policy names. A release without an image for its class is not on its way. Pure.
 *  @param releases published ones
 *  @returns null when the way is free */
export function viaFor(
  policy: RolloutPolicy,
  device: DeviceFacts,
  releases: ReleaseRecord[],
): ReleaseRecord | null {
  const named = policy.passThrough ?? [];
  let via: ReleaseRecord | null = null;
  for (const release of releases) {
    const { sequence } = release;
    if (release.mustPass !== true && !named.includes(sequence)) continue;
    if (sequence <= device.runningSequence || sequence >= policy.sequence) continue;
    if (sequence < device.floor || imageFor(release, device) === null) continue;
    if (via === null || sequence < via.sequence) via = release;
  }
  return via;
}
