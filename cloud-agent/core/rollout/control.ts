import { Code } from "../../../firmware/protocol/errors.ts";
import { AgentCode, AgentError } from "../errors.ts";
import { expectApproved } from "./approvals.ts";
import { rolloutEvent, stuckEvents, takeBack, withdrawals } from "./halt.ts";
import { canaryShareMax, singleWaveDevicesMax } from "./limits.ts";
import { checkPassThrough, validatePolicy } from "./policy.ts";
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
  expectApproved(record);
  refusePoisoned(record, view);
  validatePolicy(record.policy, view.release, nowMs);
  checkPassThrough(record.policy, view.releases ?? []);
  const assigned = assignAtStart(record, view, nowMs);
  const count = Object.keys(assigned.assigned).length;
  if (count === 0) {
    throw new AgentError(
      AgentCode.RolloutPolicyInvalid,
      `target: expected at least one device with an image in release ${record.policy.sequence}, got none`,
    );
  }
  const why = canaryOverride(assigned, count);
  const started: RolloutRecord = {
    ...assigned,
    policy: { ...record.policy, deadlineMs: deadlineOf(record.policy, nowMs) },
    status: "running",
    startedMs: nowMs,
    waveStartedMs: nowMs,
  };
  const text = `Rollout "${record.policy.name}" of release ${record.policy.sequence} started for ${count} devices, ${started.holdBack.length} held back.`;
  const { author, approver, emergencyReason } = record.policy;
  const approvals = (record.approvals ?? []).map(({ person }) => person);
  const data = { author, approver, approvals, ...(emergencyReason ? { emergencyReason } : {}) };
  const event = rolloutEvent(started, "rolloutStarted", text, data);
  const events = [event];
  if (why !== null) {
    const words = `Rollout "${record.policy.name}" goes without a canary wave, ${record.policy.author}: ${why}`;
    events.push(rolloutEvent(started, "canaryOverridden", words, { ...data, reason: why }));
  }
  const step = stepRollout(started, view, nowMs);
  return { record: step.record, effects: [...events, ...step.effects] };
}

/** A first wave that takes most of the fleet is no canary, whatever it is called.
 *  @returns the reason why it goes without one, null when it has one
 *  @throws AgentError RolloutPolicyInvalid when it has neither */
function canaryOverride({ policy, assigned }: RolloutRecord, count: number): string | null {
  const first = Object.values(assigned).filter((wave) => wave === 0).length;
  if (count <= singleWaveDevicesMax || first <= canaryShareMax * count) return null;
  if (policy.withoutCanary !== undefined) return policy.withoutCanary;
  const most = Math.floor(canaryShareMax * count);
  throw new AgentError(
    AgentCode.RolloutPolicyInvalid,
    `waves[0].size: expected at most ${most} of ${count} devices in the canary wave, got ${first}; say why in withoutCanary if it has to be`,
  );
}

function deadlineOf({ deadlineMs, deadlineAfterMs }: RolloutPolicy, nowMs: number): number | null {
  const after = deadlineAfterMs ?? null;
  if (after === null) return deadlineMs;
  return Math.min(deadlineMs ?? Number.POSITIVE_INFINITY, nowMs + after);
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
  const accepted = acknowledge(seen.record);
  const progress: Record<string, DeviceProgress> = { ...accepted.record.progress };
  const effects: RolloutEffect[] = [];
  for (const [serial, entry] of Object.entries(progress)) {
    if (!open.has(serial)) continue;
    progress[serial] = { ...entry, offeredMs: nowMs, deliveredMs: null };
    const sequence = entry.via ?? record.policy.sequence;
    effects.push({ kind: "offer", serial, sequence });
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
    acknowledged: accepted.record.acknowledged,
    soakStartedMs: record.soakStartedMs === null ? null : record.soakStartedMs + stoppedMs,
    pausedMs: null,
    endedMs: null,
    haltReason: null,
    acknowledgedVitals: [...acceptedVitals].sort(),
    haltedFor: [],
  };
  const { count } = accepted;
  const text = `${by} resumed the rollout and acknowledged ${count} failed ${count === 1 ? "device" : "devices"}.`;
  const event = rolloutEvent(resumed, "rolloutResumed", text, {
    by,
    acknowledged: resumed.acknowledged,
  });
  return { record: resumed, effects: [...seen.effects, event, ...effects] };
}

/** Ends a rollout for good. Pure.
 *  @param confirmed "keep" leaves updated devices as they are, "revert" takes them back (the release is not poisoned)
 *  @param revertTo release that they are taken back to; null: as the policy says
 *  @throws AgentError RolloutStateWrong */
export function abortRollout(
  record: RolloutRecord,
  view: RolloutView,
  nowMs: number,
  by: string,
  confirmed: "keep" | "revert",
  revertTo: number | null = null,
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
    ...(revertTo === null ? {} : { revertTo }),
  };
  const goal = revertTo === null ? "" : ` to release ${revertTo}`;
  const text = `${by} aborted the rollout; updated devices ${isReverting ? `are taken back${goal}` : "stay updated"}.`;
  const event = rolloutEvent(aborted, "rolloutAborted", text, { by, confirmed });
  if (seen === null) return { record: aborted, effects: [event] };
  const back = isReverting
    ? takeBack(aborted, seen.updated, nowMs)
    : { record: aborted, effects: [] };
  const stuck = isReverting ? stuckEvents(aborted, seen.updated) : [];
  return {
    record: back.record,
    effects: [
      ...[...seen.effects, event, ...withdrawals(aborted, seen.others)],
      ...[...back.effects, ...stuck],
    ],
  };
}

/** Opens the next wave by hand, past a gate that holds. Logged with its name and reason; failures seen so far are
 *  acknowledged, thresholds apply to what comes. Pure.
 *  @throws AgentError RolloutStateWrong */
export function promoteByHand(
  record: RolloutRecord,
  view: RolloutView,
  nowMs: number,
  by: string,
  why: string,
): RolloutStep {
  expectStatus(record, "promote", ["running"]);
  if (record.wave === record.policy.waves.length - 1) {
    refuseState(record, "promote", `${waveWords(record, record.wave)} is the last`);
  }
  const seen = survey(record, view, nowMs);
  const { record: accepted, count } = acknowledge(seen.record);
  const effects: RolloutEffect[] = [...seen.effects];
  const tail =
    count === 0 ? "" : `; ${count} failed ${count === 1 ? "device" : "devices"} acknowledged`;
  const next = openNextWave(accepted, `by hand, ${by}: ${why}${tail}`, nowMs, effects);
  return { record: next, effects };
}

/** Accepts every failure seen so far: it stops counting on both sides of the share. */
function acknowledge(record: RolloutRecord): { record: RolloutRecord; count: number } {
  const accepted = new Set(record.acknowledged);
  const before = accepted.size;
  const progress: Record<string, DeviceProgress> = {};
  for (const [serial, entry] of Object.entries(record.progress ?? {})) {
    const isNew = entry.cause !== null && entry.cause !== entry.acknowledged;
    progress[serial] = isNew ? { ...entry, acknowledged: entry.cause } : entry;
    if (isNew) accepted.add(serial);
  }
  const acknowledged = [...accepted].sort();
  return { record: { ...record, progress, acknowledged }, count: acknowledged.length - before };
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
