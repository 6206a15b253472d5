import { Code } from "../../../firmware/protocol/errors.ts";
import { Lifecycle, SlotState } from "../../../firmware/protocol/messages.ts";
import type { ReleaseImage, ReleaseRecord } from "../records.ts";
import { isSilent } from "./assign.ts";
import { notNowMsMaxDefault } from "./consent.ts";
import { digestMatches, imageFor } from "./facts.ts";
import { promiseGrace, promiseGraceMs } from "./limits.ts";
import { isFloorRefusal, ticketApplies } from "./ticket.ts";
import type { Cause, DeviceFacts, DeviceProgress, RolloutPolicy } from "./types.ts";

/** Where one device stands in one rollout.
 *  Counted: updated, pending, retrying and waitingForField (on trial until a person at the device confirms it; both as pending), and the four causes. Listed only: silent, deferred (says "not now", or gets no blocks), away (maintenance,
 *  change of owner, unanswered order). Outside: noImage, newer, belowFloor, failedBefore, takenBack (reverted by
 *  order). */
export type Standing =
  | "updated"
  | "pending"
  | "waitingForField"
  | Cause
  | "silent"
  | "deferred"
  | "away"
  | "retrying"
  | "noImage"
  | "newer"
  | "belowFloor"
  | "failedBefore"
  | "takenBack";

/** Decides where a device stands, from its check-ins and from what this rollout did. Pure.
 *  @param entry what the rollout did so far, undefined before its offer */
export function standingOf(
  policy: RolloutPolicy,
  release: ReleaseRecord,
  device: DeviceFacts,
  entry: DeviceProgress | undefined,
  nowMs: number,
): Standing {
  const image = imageFor(release, device);
  if (image === null) return "noImage";
  if (runsRelease(release, image, device)) return "updated";
  if (entry?.retryAtMs != null) return "retrying";
  const isDelivered = entry !== undefined && entry.deliveredMs !== null;
  const outcome = isDelivered
    ? outcomeOf(release, image, device, entry)
    : historyOf(release, image, device);
  if (outcome !== null) return outcome;
  const isGoingBack = goesBack(release, device, entry);
  if (device.runningSequence > release.sequence && !isGoingBack) return "newer";
  // Kept after the device has forgotten it (its journal holds one failure only), or it would get the image for ever.
  if (entry?.cause === "failed" || entry?.cause === "reverted") return entry.cause;
  if (release.sequence < device.floor && !isGoingBack) return "belowFloor";
  // The trial's own minutes bound it, and the device counts them down.
  const isWaiting =
    device.runningSequence === release.sequence && device.slotState === SlotState.Trial;
  if (isWaiting && typeof device.fieldMinutesLeft === "number" && !isSilent(policy, device, nowMs))
    return "waitingForField";
  if (isAway(device)) return "away";
  if (isDeferring(policy, release, device, nowMs)) return "deferred";
  if (isDelivered && hasTimedOut(policy, device, entry, nowMs)) return "timedOut";
  return isSilent(policy, device, nowMs) ? "silent" : "pending";
}

/** True where a downgrade ticket takes the device back to this release: once. A device that had confirmed it and runs
 *  something newer was brought forward again by somebody. */
export function goesBack(
  release: ReleaseRecord,
  device: DeviceFacts,
  entry: DeviceProgress | undefined,
): boolean {
  const isDone = entry !== undefined && entry.confirmedMs !== null;
  return !isDone && ticketApplies(release, device);
}

/** Code by which the device refused what it is offered now, null for none. */
export function refusalOf(
  release: ReleaseRecord,
  device: DeviceFacts,
  entry: DeviceProgress | undefined,
): number | null {
  const { refused } = device;
  if (refused === null || refused.sequence !== release.sequence) return null;
  return isFloorRefusal(refused.code) && goesBack(release, device, entry) ? null : refused.code;
}

/** True when a check-in said that the device runs this very image and has confirmed it. */
export function runsRelease(
  release: ReleaseRecord,
  image: ReleaseImage,
  device: DeviceFacts,
): boolean {
  return (
    device.runningSequence === release.sequence &&
    device.slotState === SlotState.Confirmed &&
    digestMatches(image, device.runningDigest)
  );
}

/** The one test for causes, so that no list has to be kept twice. */
export function isCause(standing: Standing): standing is Cause {
  return (
    standing === "failed" ||
    standing === "reverted" ||
    standing === "rejected" ||
    standing === "timedOut"
  );
}

/** True when the device's last failed image is this one. */
export function hasFailed(
  release: ReleaseRecord,
  image: ReleaseImage,
  device: DeviceFacts,
): boolean {
  const failed = device.lastFailed;
  if (failed === null || failed.sequence !== release.sequence) return false;
  // A digest that is not known (a device in recovery may have lost it) counts for the sequence alone.
  return failed.digest === "" || digestMatches(image, failed.digest);
}

/** True while the device's own state forbids an offer. */
export function isAway(device: DeviceFacts): boolean {
  return (
    device.maintenance ||
    device.orderPending !== null ||
    device.lifecycle === Lifecycle.Transfer ||
    device.lifecycle === Lifecycle.ClaimPending
  );
}

/** What a device that was never told of the release brings with it from before. */
function historyOf(
  release: ReleaseRecord,
  image: ReleaseImage,
  device: DeviceFacts,
): Standing | null {
  // It remembers more of them than the last one, which alone it tells the reason of.
  const isPoison = device.poison?.some((digest) => digestMatches(image, digest));
  return isPoison || hasFailed(release, image, device) ? "failedBefore" : null;
}

function outcomeOf(
  release: ReleaseRecord,
  image: ReleaseImage,
  device: DeviceFacts,
  entry: DeviceProgress,
): Standing | null {
  if (hasFailed(release, image, device)) {
    const code = device.lastFailed!.code;
    if (entry.revertOrderedMs !== null || code === Code.RevertOrdered) return "takenBack";
    const isTrialEnd = code >= Code.TrialCrashed && code <= Code.TrialUnhealthy;
    return isTrialEnd ? "reverted" : "failed";
  }
  if (device.runningSequence > release.sequence && !goesBack(release, device, entry))
    return "newer";
  if (entry.confirmedMs !== null && device.runningSequence !== release.sequence) {
    // It had confirmed and runs something older now, without naming a failure: it went back by itself or by hand.
    return entry.revertOrderedMs === null ? "reverted" : "takenBack";
  }
  if (device.slotState === SlotState.Recovery && !isUpdatingInCore(release, device))
    return "failed";
  const code = refusalOf(release, device, entry);
  if (code !== null) {
    // On a further try, only what it refused since then counts; until then it waits or is on its way.
    const isOld = (device.refusedMs ?? 0) <= entry.offeredMs;
    if ((entry.tries ?? 0) > 0 && isOld) return null;
    return isPassing(code) ? "deferred" : "rejected";
  }
  return null;
}

/** A board that updates in its core is in recovery for that time: with its old image still whole, or with this
 *  release's download begun. What failed to run this release has neither. */
function isUpdatingInCore(release: ReleaseRecord, device: DeviceFacts): boolean {
  const { runningSequence, download } = device;
  const isOldWhole = runningSequence > 0 && runningSequence !== release.sequence;
  return isOldWhole || download?.sequence === release.sequence;
}

/** True while its app puts this release off, within the patience of the policy. */
function isDeferring(
  policy: RolloutPolicy,
  release: ReleaseRecord,
  { deferred }: DeviceFacts,
  nowMs: number,
): boolean {
  if (!deferred || deferred.sequence !== release.sequence || policy.mode === "forced") return false;
  return nowMs < deferred.sinceMs + (policy.notNowMaxMs ?? notNowMsMaxDefault);
}

/** Refusals that end by themselves: the device asks again later. */
function isPassing(code: number): boolean {
  return (
    code === Code.BatteryTooLow ||
    code === Code.UpdateDeferred ||
    code === Code.RateLimited ||
    code === Code.RequestsDropped ||
    code === Code.RetrievalSlow
  );
}

/** A device times out when its time is over and it either came back without the release or broke its promise to come.
 *  One that merely sleeps as long as it said is waited for. */
function hasTimedOut(
  policy: RolloutPolicy,
  device: DeviceFacts,
  entry: DeviceProgress,
  nowMs: number,
): boolean {
  const limitMs = entry.deliveredMs! + policy.deviceTimeoutMs;
  if (nowMs < limitMs) return false;
  const seenMs = device.lastSeenMs ?? 0;
  const promisedMs = seenMs + device.nextCheckInS * 1000 * promiseGrace + promiseGraceMs;
  return seenMs >= limitMs || nowMs > promisedMs;
}
