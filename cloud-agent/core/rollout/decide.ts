import { Code } from "../../../firmware/protocol/errors.ts";
import { isFixed } from "../boards.ts";
import type { ReleaseRecord } from "../records.ts";
import { consentWords, lacksConsent } from "./consent.ts";
import { imageFor, isTargeted } from "./facts.ts";
import { budgetWords } from "./offering.ts";
import { isBoxed } from "./penalty.ts";
import { goesBack, refusalOf, runsRelease, standingOf } from "./standing.ts";
import { ticketWords } from "./ticket.ts";
import type { DeviceFacts, RolloutRecord, RolloutStatus } from "./types.ts";
import { viaFor } from "./via.ts";
import { isOpenFor, nextOpening, zoneOf } from "./windows.ts";
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
  | "outsideWindow"
  | "awaitsTurn"
  | "awaitsConsent"
  | "retryLater"
  | "penaltyBox"
  | "ticketOver"
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
    .filter((rollout) => isTargeted(rollout, device, nowMs))
    .sort(
      (left, right) =>
        right.policy.sequence - left.policy.sequence ||
        statusOrder[left.status] - statusOrder[right.status],
    );
  const bySequence = new Map(releases.map((release) => [release.sequence, release]));
  let best: { next: Next; order: number } | null = null;
  for (const rollout of own) {
    const release = bySequence.get(rollout.policy.sequence) ?? null;
    const next = nextIn(rollout, release, device, nowMs, releases);
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

/** The same for one rollout. Pure.
 *  @param release the rollout's own, null when it is not published
 *  @param releases all that may be on the way; omitted: none has to be passed through */
export function nextIn(
  rollout: RolloutRecord,
  release: ReleaseRecord | null,
  device: DeviceFacts,
  nowMs: number,
  releases: ReleaseRecord[] = [],
): Next {
  const { name } = rollout.policy;
  const no = (code: NextCode, reason: string): Next => ({
    offer: null,
    code,
    reason,
    rolloutId: rollout.id,
  });
  if (release === null) {
    return no("releaseMissing", `release ${rollout.policy.sequence} is not published`);
  }
  const via = viaFor(rollout.policy, device, releases);
  // A release that is poisoned itself is no reason to send anybody on the way to it.
  if (via === null || release.poisonedMs !== null) {
    return nextOnWay(rollout, release, device, nowMs, no);
  }
  const step = nextOnWay(rollout, via, device, nowMs, no);
  const end = `release ${release.sequence} of rollout "${name}"`;
  return { ...step, reason: `${step.reason}; it must pass through ${via.sequence} to ${end}` };
}

/** What stands for or against the release that comes next on a device's way. */
function nextOnWay(
  rollout: RolloutRecord,
  release: ReleaseRecord,
  device: DeviceFacts,
  nowMs: number,
  no: (code: NextCode, reason: string) => Next,
): Next {
  const { sequence } = release;
  const { name } = rollout.policy;
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
  const byRollout = rolloutBlock(rollout, device, nowMs);
  if (byRollout !== null) return no(byRollout.code, byRollout.reason);
  const entry = rollout.progress?.[device.serial];
  const isBack = goesBack(release, device, entry);
  if (isBack && rollout.status === "done") {
    const reason = `rollout "${name}" is done: a downgrade ticket is offered only while its rollout runs`;
    return no("ticketOver", reason);
  }
  if (isBoxed(device, nowMs)) {
    const box = boxBlock(device);
    return no(box.code, box.reason);
  }
  if (lacksConsent(rollout, device.serial, nowMs)) {
    return no("awaitsConsent", consentWords(rollout, device.serial, nowMs));
  }
  const byTime = windowBlock(rollout, device, sequence, nowMs);
  if (byTime !== null) return no(byTime.code, byTime.reason);
  const { keySetVersion } = device;
  const keySetFrom = (isBack ? image?.ticket : image)?.keySetFrom ?? 0;
  if (keySetVersion !== undefined && keySetVersion < keySetFrom) {
    const reason = `it waits for key set ${keySetFrom}: release ${sequence} is signed for it, the device has ${keySetVersion}`;
    return no("waitsForKeySet", reason);
  }
  const refusal = refusalOf(release, device, entry);
  // What it said before a further try is no answer to that one.
  const saidLater = refusal !== null && (entry?.tries ?? 0) === 0;
  const isDeferred =
    saidLater || standingOf(rollout.policy, release, device, entry, nowMs) === "deferred";
  const code = refusal ?? Code.UpdateDeferred;
  return {
    offer: sequence,
    code: isDeferred ? "deferred" : "offered",
    reason: isDeferred
      ? `release ${sequence} is offered by rollout "${name}", the device puts it off: ${codeText(code)}`
      : `release ${sequence} is offered by rollout "${name}"${backWords(isBack, release)}${progressWords(device, sequence)}`,
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
        reason: isFixed(device.board)
          ? `board ${device.board} is never updated: it is written again at the cable`
          : `release ${sequence} has no image for board ${device.board} (class ${device.classId})`,
      };
    case "newer":
      return {
        code: "newer",
        reason: `it runs release ${device.runningSequence}, which is newer than ${sequence}${ticketWords(release, device)}`,
      };
    case "belowFloor":
      return {
        code: "belowFloor",
        reason: `release ${sequence} is below its floor ${device.floor}${ticketWords(release, device)}`,
      };
    case "failedBefore":
      return {
        code: standing,
        reason:
          device.lastFailed?.sequence === sequence
            ? `release ${sequence} failed on it before: ${causeWords("failed", device)}`
            : `the image of release ${sequence} is among the last that failed on it`,
      };
    case "failed":
    case "reverted":
    case "rejected":
      return {
        code: standing,
        reason: `release ${sequence} ${standing} on it: ${causeWords(standing, device)}`,
      };
    case "retrying":
      return {
        code: "retryLater",
        reason: `it refused release ${sequence} (${codeText(device.refused?.code ?? 0)}) and is tried again at ${timeWords(entry?.retryAtMs ?? nowMs)}`,
      };
    case "takenBack":
      return { code: standing, reason: `it was ordered back from release ${sequence}` };
    case "away":
      return { code: standing, reason: awayWords(device) };
    default:
      return null;
  }
}

/** What began inside a window goes on: half an image is no use to anybody. */
function windowBlock(
  rollout: RolloutRecord,
  device: DeviceFacts,
  sequence: number,
  nowMs: number,
): Block {
  const { policy } = rollout;
  const { windows } = policy;
  const hasBegun = device.download?.sequence === sequence || device.runningSequence === sequence;
  if (!windows || hasBegun || isOpenFor(policy, device, nowMs)) return null;
  const openMs = nextOpening(policy, device, nowMs);
  const when =
    openMs === null ? "none opens within eight days" : `the next opens ${timeWords(openMs)}`;
  return {
    code: "outsideWindow",
    reason: `it is outside the windows of rollout "${policy.name}" (${zoneOf(windows, device)}); ${when}`,
  };
}

/** A record's list as a set: each check-in asks, and the list is as long as a tenth of the fleet. */
const heldBackSets = new WeakMap<string[], Set<string>>();
function heldBack({ holdBack }: RolloutRecord): Set<string> {
  let set = heldBackSets.get(holdBack);
  if (set === undefined) {
    set = new Set(holdBack);
    heldBackSets.set(holdBack, set);
  }
  return set;
}

function rolloutBlock(rollout: RolloutRecord, device: DeviceFacts, nowMs: number): Block {
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
    if (heldBack(rollout).has(device.serial)) {
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
  if (isBoxed(device, nowMs)) return boxBlock(device);
  if (lacksConsent(rollout, device.serial, nowMs)) {
    return { code: "awaitsConsent", reason: consentWords(rollout, device.serial, nowMs) };
  }
  const byTime = windowBlock(rollout, device, rollout.policy.sequence, nowMs);
  if (byTime !== null) return byTime;
  const open = `${waveWords(rollout, wave)} is open`;
  const turns = [budgetWords(rollout, device), paceWords(rollout)].filter((one) => one !== null);
  if (turns.length > 0) {
    return { code: "awaitsTurn", reason: `${open}; it waits for its turn: ${turns.join(", ")}` };
  }
  return { code: "awaitsStep", reason: `${open}; the offer comes with the next step` };
}

function boxBlock(device: DeviceFacts): NonNullable<Block> {
  const until = timeWords(device.penaltyUntilMs ?? 0);
  return {
    code: "penaltyBox",
    reason: `it failed again and again and is left alone until ${until}`,
  };
}

function paceWords(rollout: RolloutRecord): string | null {
  const pace = rollout.policy.pacePerMinute ?? null;
  return pace === null ? null : `at most ${pace} offers per minute`;
}

function awayWords(device: DeviceFacts): string {
  if (device.maintenance) return "it is in maintenance";
  if (device.orderPending !== null) return `it has not answered a ${device.orderPending} order yet`;
  return "its owner is changing";
}

function backWords(isBack: boolean, { ticket }: ReleaseRecord): string {
  if (!isBack || !ticket) return "";
  return ` with the downgrade ticket for floor ${ticket.floor} (${ticket.person}: ${ticket.reason})`;
}

function progressWords(device: DeviceFacts, sequence: number): string {
  const { download } = device;
  if (device.runningSequence === sequence) {
    const { fieldMinutesLeft: left } = device;
    const field = `; it is on trial, waiting for field: a person has to confirm it within ${left} minutes`;
    return typeof left === "number" ? field : "; it is on trial";
  }
  if (download === null || download.sequence !== sequence) return "";
  return `; ${download.bytesDone} of ${download.sizeBytes} bytes are there`;
}
