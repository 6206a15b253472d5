import type { ReleaseRecord } from "../records.ts";
import { imageFor, isTargeted } from "./facts.ts";
import { runsRelease, standingOf } from "./standing.ts";
import type { DeviceFacts, RolloutRecord, RolloutStatus } from "./types.ts";
import { causeWords, codeText, timeWords, waveWords } from "./words.ts";

/** Codes of `nextFor`; each has one meaning for programs, the reason is for people. */
export type NextCode =
  | "offered"
  | "deferred"
  | "alreadyRunning"
  | "newer"
  | "noImage"
  | "belowFloor"
  | "poisoned"
  | "failedBefore"
  | "failed"
  | "reverted"
  | "rejected"
  | "takenBack"
  | "away"
  | "holdBack"
  | "waveNotReached"
  | "waitsForKeySet"
  | "awaitsStep"
  | "draft"
  | "paused"
  | "halted"
  | "aborted"
  | "releaseMissing"
  | "noRollout";

export interface Next {
  /** sequence to put in REPLY, null for none */
  offer: number | null;
  /** a clause for people, without the device's name */
  reason: string;
  code: NextCode;
  rolloutId: string | null;
}

/** Which explanation to give when no rollout makes an offer: the liveliest one. */
const statusOrder: Record<RolloutStatus, number> = {
  running: 0,
  paused: 1,
  halted: 2,
  draft: 3,
  done: 4,
  aborted: 5,
};

/** Says what a device would get at its next contact, and why. Pure.
 *  An offer stands as long as its rollout runs, and after it is done (for sleepers that were only listed); it needs the
 *  step's note in the record, so a device never gets what no step decided.
 *  @param rollouts any; those that do not target the device are ignored
 *  @param releases at least those the rollouts name */
export function nextFor(
  device: DeviceFacts,
  rollouts: RolloutRecord[],
  releases: ReleaseRecord[],
  nowMs: number,
): Next {
  const own = rollouts
    .filter((rollout) => isTargeted(rollout.policy.target, device))
    .sort(
      (left, right) =>
        right.policy.sequence - left.policy.sequence ||
        statusOrder[left.status] - statusOrder[right.status],
    );
  const bySequence = new Map(releases.map((release) => [release.sequence, release]));
  let best: { next: Next; order: number } | null = null;
  for (const rollout of own) {
    const next = nextIn(rollout, bySequence.get(rollout.policy.sequence) ?? null, device, nowMs);
    if (next.offer !== null) return next;
    const order = statusOrder[rollout.status];
    if (best === null || order < best.order) best = { next, order };
  }
  return (
    best?.next ?? {
      offer: null,
      code: "noRollout",
      reason: "no rollout targets it",
      rolloutId: null,
    }
  );
}

/** The same for one rollout. Pure. */
export function nextIn(
  rollout: RolloutRecord,
  release: ReleaseRecord | null,
  device: DeviceFacts,
  nowMs: number,
): Next {
  const { sequence, name } = rollout.policy;
  const no = (code: NextCode, reason: string): Next => ({
    offer: null,
    code,
    reason,
    rolloutId: rollout.id,
  });
  if (release === null) return no("releaseMissing", `release ${sequence} is not published`);
  const image = imageFor(release, device);
  const isRunning = image !== null && runsRelease(release, image, device);
  if (isRunning) return no("alreadyRunning", `it runs release ${sequence} already`);
  if (release.poisonedMs !== null) {
    const why = release.poisonReason ?? "no reason given";
    return no(
      "poisoned",
      `release ${sequence} is poisoned since ${timeWords(release.poisonedMs)}: ${why}`,
    );
  }
  const byDevice = deviceBlock(rollout, release, device, nowMs);
  if (byDevice !== null) return no(byDevice.code, byDevice.reason);
  const byRollout = rolloutBlock(rollout, device);
  if (byRollout !== null) return no(byRollout.code, byRollout.reason);
  const { keySetVersion } = device;
  const keySetFrom = image?.keySetFrom ?? 0;
  if (keySetVersion !== undefined && keySetVersion < keySetFrom) {
    const reason = `it waits for key set ${keySetFrom}: release ${sequence} is signed for it, the device has ${keySetVersion}`;
    return no("waitsForKeySet", reason);
  }
  const isDeferred = device.refused?.sequence === sequence;
  return {
    offer: sequence,
    code: isDeferred ? "deferred" : "offered",
    reason: isDeferred
      ? `release ${sequence} is offered by rollout "${name}", the device puts it off: ${codeText(device.refused!.code)}`
      : `release ${sequence} is offered by rollout "${name}"${progressWords(device, sequence)}`,
    rolloutId: rollout.id,
  };
}

type Block = { code: NextCode; reason: string } | null;

/** What the device itself has against the release. A timed-out device may still take it: late is better than never. */
function deviceBlock(
  rollout: RolloutRecord,
  release: ReleaseRecord,
  device: DeviceFacts,
  nowMs: number,
): Block {
  const { sequence } = release;
  const entry = rollout.progress?.[device.serial];
  const standing = standingOf(rollout.policy, release, device, entry, nowMs);
  switch (standing) {
    case "noImage":
      return {
        code: "noImage",
        reason: `release ${sequence} has no image for board ${device.board} (class ${device.classId})`,
      };
    case "newer":
      return {
        code: "newer",
        reason: `it runs release ${device.runningSequence}, which is newer than ${sequence}`,
      };
    case "belowFloor":
      return {
        code: "belowFloor",
        reason: `release ${sequence} is below its floor ${device.floor}`,
      };
    case "failedBefore":
      return {
        code: standing,
        reason: `release ${sequence} failed on it before: ${causeWords("failed", device)}`,
      };
    case "failed":
    case "reverted":
    case "rejected":
      return {
        code: standing,
        reason: `release ${sequence} ${standing} on it: ${causeWords(standing, device)}`,
      };
    case "takenBack":
      return { code: standing, reason: `it was ordered back from release ${sequence}` };
    case "away":
      return { code: standing, reason: awayWords(device) };
    default:
      return null;
  }
}

function rolloutBlock(rollout: RolloutRecord, device: DeviceFacts): Block {
  const { name } = rollout.policy;
  const isOffered = rollout.progress?.[device.serial] !== undefined;
  if (rollout.status === "draft") {
    return { code: "draft", reason: `rollout "${name}" has not started` };
  }
  if (rollout.status === "paused") {
    return {
      code: "paused",
      reason: `rollout "${name}" is paused since ${timeWords(rollout.pausedMs ?? 0)}`,
    };
  }
  if (rollout.status === "halted") {
    return { code: "halted", reason: `rollout "${name}" ${rollout.haltReason ?? "halted"}` };
  }
  if (rollout.status === "aborted") {
    return { code: "aborted", reason: `rollout "${name}" was aborted` };
  }
  if (isOffered) return null;
  const wave = rollout.assigned[device.serial];
  if (wave === undefined || rollout.status === "done") {
    const reason =
      rollout.status === "done"
        ? `it came into the target after rollout "${name}" was done`
        : `it is new in the target of rollout "${name}" and gets a wave at the next step`;
    return { code: "awaitsStep", reason };
  }
  if (wave > rollout.wave) {
    if (rollout.holdBack.includes(device.serial)) {
      return {
        code: "holdBack",
        reason: `it is held back for comparison until ${waveWords(rollout, wave)}`,
      };
    }
    return {
      code: "waveNotReached",
      reason: `it is in ${waveWords(rollout, wave)}; ${waveWords(rollout, rollout.wave)} is open`,
    };
  }
  return {
    code: "awaitsStep",
    reason: `${waveWords(rollout, wave)} is open; the offer comes with the next step`,
  };
}

function awayWords(device: DeviceFacts): string {
  if (device.maintenance) return "it is in maintenance";
  if (device.orderPending !== null) return `it has not answered a ${device.orderPending} order yet`;
  return "its owner is changing";
}

function progressWords(device: DeviceFacts, sequence: number): string {
  const { download } = device;
  if (device.runningSequence === sequence) return "; it is on trial";
  if (download === null || download.sequence !== sequence) return "";
  return `; ${download.bytesDone} of ${download.sizeBytes} bytes are there`;
}
