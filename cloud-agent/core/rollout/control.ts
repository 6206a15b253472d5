import { Code } from "../../../firmware/protocol/errors.ts";
import { AgentCode, AgentError } from "../errors.ts";
import { rolloutEvent, takeBack, withdrawals } from "./halt.ts";
import { validatePolicy } from "./policy.ts";
import { openNextWave, stepRollout } from "./step.ts";
import { assignAtStart, survey } from "./survey.ts";
import type {
  DeviceProgress,
  RolloutEffect,
  RolloutPolicy,
  RolloutRecord,
  RolloutStatus,
  RolloutStep,
  RolloutView,
} from "./types.ts";
import { waveWords } from "./words.ts";

/** Makes the record of a rollout that has not started. Pure. */
export function draftRollout(id: string, policy: RolloutPolicy): RolloutRecord {
  return {
    id,
    policy,
    status: "draft",
    wave: 0,
    waveStartedMs: 0,
    soakStartedMs: null,
    startedMs: null,
    endedMs: null,
    assigned: {},
    holdBack: [],
    acknowledged: [],
    haltReason: null,
    verdicts: [],
    progress: {},
    pausedMs: null,
    isReverting: false,
    judged: null,
    acknowledgedVitals: [],
  };
}

/** Starts a draft: assigns the waves and offers the canary. Pure.
 *  @throws AgentError RolloutStateWrong, ImagePoisoned, RolloutPolicyInvalid, ApproverIsAuthor */
export function startRollout(record: RolloutRecord, view: RolloutView, nowMs: number): RolloutStep {
  expectStatus(record, "start", ["draft"]);
  refusePoisoned(record, view);
  validatePolicy(record.policy, view.release, nowMs);
  const assigned = assignAtStart(record, view, nowMs);
  const count = Object.keys(assigned.assigned).length;
  if (count === 0) {
    throw new AgentError(
      AgentCode.RolloutPolicyInvalid,
      `target: expected at least one device with an image in release ${record.policy.sequence}, got none`,
    );
  }
  const started: RolloutRecord = {
    ...assigned,
    status: "running",
    startedMs: nowMs,
    waveStartedMs: nowMs,
  };
  const text = `Rollout "${record.policy.name}" of release ${record.policy.sequence} started for ${count} devices, ${started.holdBack.length} held back.`;
  const data = { author: record.policy.author, approver: record.policy.approver };
  const event = rolloutEvent(started, "rolloutStarted", text, data);
  const step = stepRollout(started, view, nowMs);
  return { record: step.record, effects: [event, ...step.effects] };
}

/** Stops offering until resumed. What happens on the devices meanwhile is still noted. Pure.
 *  @throws AgentError RolloutStateWrong */
export function pauseRollout(
  record: RolloutRecord,
  view: RolloutView,
  nowMs: number,
  by: string,
): RolloutStep {
  expectStatus(record, "pause", ["running"]);
  const seen = survey(record, view, nowMs);
  const paused: RolloutRecord = { ...seen.record, status: "paused", pausedMs: nowMs };
  const event = rolloutEvent(paused, "rolloutPaused", `${by} paused the rollout.`, { by });
  return {
    record: paused,
    effects: [...seen.effects, event, ...withdrawals(paused, seen.others)],
  };
}

/** Goes on after a pause, or after a halt that poisoned nothing. Failures seen so far are acknowledged: they stop
 *  counting on both sides of the share. Soak goes on where it stood; devices on their way get their full time again.
 *  Pure.
 *  @throws AgentError RolloutStateWrong, ImagePoisoned, RolloutPolicyInvalid (deadline has passed) */
export function resumeRollout(
  record: RolloutRecord,
  view: RolloutView,
  nowMs: number,
  by: string,
): RolloutStep {
  expectStatus(record, "resume", ["paused", "halted"]);
  refusePoisoned(record, view);
  if (record.isReverting === true)
    refuseState(record, "resume", "its devices are being taken back");
  validatePolicy(record.policy, view.release, nowMs);
  const seen = survey(record, view, nowMs);
  const open = new Set(seen.others.map((device) => device.serial));
  const progress: Record<string, DeviceProgress> = {};
  const accepted = new Set(record.acknowledged);
  const effects: RolloutEffect[] = [];
  for (const [serial, entry] of Object.entries(seen.record.progress ?? {})) {
    const next = { ...entry };
    progress[serial] = next;
    if (entry.cause !== null && entry.cause !== entry.acknowledged) {
      next.acknowledged = entry.cause;
      accepted.add(serial);
    }
    if (open.has(serial)) {
      next.offeredMs = nowMs;
      next.deliveredMs = null;
      effects.push({ kind: "offer", serial, sequence: record.policy.sequence });
    }
  }
  const acceptedVitals = new Set([
    ...(record.acknowledgedVitals ?? []),
    ...(record.haltedFor ?? []),
  ]);
  const stoppedMs = nowMs - (record.pausedMs ?? record.endedMs ?? nowMs);
  const resumed: RolloutRecord = {
    ...seen.record,
    status: "running",
    progress,
    acknowledged: [...accepted].sort(),
    soakStartedMs: record.soakStartedMs === null ? null : record.soakStartedMs + stoppedMs,
    pausedMs: null,
    endedMs: null,
    haltReason: null,
    acknowledgedVitals: [...acceptedVitals].sort(),
    haltedFor: [],
  };
  const count = resumed.acknowledged.length - record.acknowledged.length;
  const text = `${by} resumed the rollout and acknowledged ${count} failed ${count === 1 ? "device" : "devices"}.`;
  const event = rolloutEvent(resumed, "rolloutResumed", text, {
    by,
    acknowledged: resumed.acknowledged,
  });
  return { record: resumed, effects: [...seen.effects, event, ...effects] };
}

/** Ends a rollout for good. Pure.
 *  @param confirmed "keep" leaves updated devices as they are, "revert" takes them back (the release is not poisoned)
 *  @throws AgentError RolloutStateWrong */
export function abortRollout(
  record: RolloutRecord,
  view: RolloutView,
  nowMs: number,
  by: string,
  confirmed: "keep" | "revert",
): RolloutStep {
  expectStatus(record, "abort", ["draft", "running", "paused", "halted"]);
  const isReverting = confirmed === "revert" || record.isReverting === true;
  const seen = record.status === "draft" ? null : survey(record, view, nowMs);
  const aborted: RolloutRecord = {
    ...(seen?.record ?? record),
    status: "aborted",
    endedMs: nowMs,
    pausedMs: null,
    isReverting,
  };
  const text = `${by} aborted the rollout; updated devices ${isReverting ? "are taken back" : "stay updated"}.`;
  const event = rolloutEvent(aborted, "rolloutAborted", text, { by, confirmed });
  if (seen === null) return { record: aborted, effects: [event] };
  const back = isReverting
    ? takeBack(aborted, seen.updated, nowMs)
    : { record: aborted, effects: [] };
  return {
    record: back.record,
    effects: [...seen.effects, event, ...withdrawals(aborted, seen.others), ...back.effects],
  };
}

/** Opens the next wave by hand, past a gate that holds. Logged with its name and reason; thresholds still apply. Pure.
 *  @throws AgentError RolloutStateWrong */
export function promoteByHand(
  record: RolloutRecord,
  nowMs: number,
  by: string,
  why: string,
): RolloutStep {
  expectStatus(record, "promote", ["running"]);
  if (record.wave === record.policy.waves.length - 1) {
    refuseState(record, "promote", `${waveWords(record, record.wave)} is the last`);
  }
  const effects: RolloutEffect[] = [];
  const next = openNextWave(record, `by hand, ${by}: ${why}`, nowMs, effects);
  return { record: next, effects };
}

function refusePoisoned(record: RolloutRecord, view: RolloutView): void {
  if (view.release.poisonedMs === null) return;
  throw new AgentError(
    Code.ImagePoisoned,
    `rollout "${record.policy.name}": release ${view.release.sequence} is poisoned: ${view.release.poisonReason ?? "no reason given"}`,
  );
}

function expectStatus(record: RolloutRecord, verb: string, allowed: RolloutStatus[]): void {
  if (!allowed.includes(record.status)) {
    refuseState(record, verb, `expected ${allowed.join(" or ")}, it is ${record.status}`);
  }
}

function refuseState(record: RolloutRecord, verb: string, finding: string): never {
  throw new AgentError(
    AgentCode.RolloutStateWrong,
    `cannot ${verb} rollout "${record.policy.name}": ${finding}`,
  );
}
