import { Lifecycle } from "../../../firmware/protocol/messages.ts";
import { isFixed } from "../boards.ts";
import { matchesText } from "../filter/evaluate.ts";
import type { Subject } from "../filter/types.ts";
import type { DeviceRecord, ReleaseImage, ReleaseRecord } from "../records.ts";
import type { DeviceFilter } from "./policyTypes.ts";
import type { DeviceFacts, RolloutRecord } from "./types.ts";

/** Takes out of a device record what rollouts read. Pure. */
export function factsOf(device: DeviceRecord): DeviceFacts {
  return {
    record: device,
    serial: device.serial,
    lifecycle: device.lifecycle,
    group: device.group,
    site: device.site,
    timeZone: device.timeZone ?? null,
    tags: device.tags,
    runningSequence: device.runningSequence,
    runningDigest: device.runningDigest,
    slotState: device.slotState,
    floor: device.floor,
    keySetVersion: device.keySetVersion,
    otherSequence: device.otherSequence,
    otherValid: device.otherValid,
    lastSeenMs: device.lastSeenMs,
    nextCheckInS: device.nextCheckInS,
    lastFailed: device.lastFailed,
    refused: device.refused,
    refusedMs: device.refusedMs ?? null,
    deferred: device.deferred ?? null,
    penaltyUntilMs: device.penalty?.untilMs ?? null,
    download: device.download,
    poison: device.poison,
    fieldMinutesLeft: device.fieldMinutesLeft,
    model: device.birth.model,
    board: device.birth.board,
    classId: device.birth.classId,
    maintenance: device.lifecycle === Lifecycle.Maintenance,
    orderPending: device.order === null ? null : device.order.kind,
  };
}

/** Tells whether a rollout is meant for a device. Wiping and retired devices are never in a target, so they leave every
 *  count the moment they are decommissioned. What a device reports decides only whether it comes in: one that was given a
 *  wave stays, or every device would leave `release < 12` by being updated to 12. Pure. */
export function isTargeted(
  { policy, assigned }: Pick<RolloutRecord, "policy" | "assigned">,
  device: DeviceFacts,
  nowMs: number,
): boolean {
  if (device.lifecycle === Lifecycle.Wiping || device.lifecycle === Lifecycle.Retired) return false;
  const isMember = assigned[device.serial] !== undefined;
  return matches(policy.target, device, nowMs, isMember ? "unknown" : "known");
}

/** Tells whether a device matches in every field that is given.
 *  @param reports "unknown": what devices report is left open and excludes nobody. Pure. */
export function matches(
  filter: DeviceFilter,
  device: DeviceFacts,
  nowMs: number,
  reports: "known" | "unknown" = "known",
): boolean {
  const { models, boards, groups, tags, sites, serials, where, saved, savedWhere } = filter;
  if (models !== undefined && !models.includes(device.model)) return false;
  if (boards !== undefined && !boards.includes(device.board)) return false;
  if (groups !== undefined && (device.group === null || !groups.includes(device.group)))
    return false;
  if (sites !== undefined && (!device.site || !sites.includes(device.site))) return false;
  if (tags !== undefined && !tags.some((tag) => device.tags.includes(tag))) return false;
  if (serials !== undefined && !serials.includes(device.serial)) return false;
  if (where === undefined && saved === undefined) return true;
  // Nobody knows what a name means that was never looked up: it means no device.
  if (saved !== undefined && savedWhere === undefined) return false;
  const subject = subjectOf(device);
  return [where, savedWhere].every(
    (text) => text === undefined || matchesText(text, subject, nowMs, reports) !== false,
  );
}

function subjectOf(device: DeviceFacts): Subject {
  const { record, model, board, classId, maintenance: _, ...rest } = device;
  return record ?? { ...rest, birth: { model, board, classId } };
}

/** Image of a release for a device's class.
 *  @returns null when the release has none, or the device's board takes none */
export function imageFor(release: ReleaseRecord, device: DeviceFacts): ReleaseImage | null {
  if (isFixed(device.board)) return null;
  return release.images.find((image) => image.classId === device.classId) ?? null;
}

/** Compares a payload digest with the first 8 bytes a device reports. An empty report matches nothing. */
export function digestMatches(image: ReleaseImage, reportedHex: string): boolean {
  return reportedHex !== "" && image.digest.toLowerCase().startsWith(reportedHex.toLowerCase());
}
