import { Code } from "../../../firmware/protocol/errors.ts";
import type { RetryClass, RolloutPolicy } from "./policyTypes.ts";
import type { DeviceProgress } from "./types.ts";

/** Refusals that another try may cure, by what went wrong: on the way, or in the device. All others are for the author of
 *  the release, and the same image would meet them again. An image that failed its trial is poison on its device and
 *  is never tried again. */
const classes: Record<number, RetryClass> = {
  [Code.ManifestDigest]: "transfer",
  [Code.ImageDigest]: "transfer",
  [Code.PatchMalformed]: "transfer",
  [Code.ReleaseNotFound]: "transfer",
  [Code.MemoryTooLow]: "device",
  [Code.OutOfMemory]: "device",
  [Code.FlashWrite]: "device",
  [Code.FlashErase]: "device",
  [Code.JournalFull]: "device",
};

/** Longest pause between two tries: doubling ends there. */
const backoffMsMax = 7 * 86_400_000;

/** The class of a refusal, null when trying again is of no use. Pure. */
export function retryClassOf(code: number): RetryClass | null {
  return classes[code] ?? null;
}

/** When a refused device is tried again: each pause is twice the one before. Pure.
 *  @returns null when its class has no try left */
export function retryAtMs(
  policy: RolloutPolicy,
  entry: DeviceProgress,
  code: number,
  nowMs: number,
): number | null {
  const kind = retryClassOf(code);
  const rule = kind === null ? undefined : policy.retries?.[kind];
  const tries = entry.tries ?? 0;
  if (rule === undefined || tries >= rule.times) return null;
  return nowMs + Math.min(rule.backoffMs * 2 ** tries, backoffMsMax);
}
