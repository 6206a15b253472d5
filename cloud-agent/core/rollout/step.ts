import { strict as assert } from "node:assert";
import { halt, rolloutEvent, type Stop, takeBack } from "./halt.ts";
import { type Survey, survey, type WaveTally } from "./survey.ts";
import type {
  DeviceProgress,
  RolloutEffect,
  RolloutRecord,
  RolloutStep,
  RolloutView,
} from "./types.ts";
import { judgeVitals, type VitalsJudgement } from "./vitals.ts";
import { causeClause, causes, durationWords, listClause, waveWords } from "./words.ts";

/** True while `stepRollout` may have something to do. */
export function needsStep(record: RolloutRecord): boolean {
  return record.status === "running" || record.status === "paused" || record.isReverting === true;
}

/** Advances a rollout by what the fleet has reported. Pure and idempotent: with the same view and time, a second
 *  step has no effects. Halting comes before everything else, so nothing is promoted or offered on top of a failure.
 *  @param view devices (those outside the target are ignored), vitals, and the release of the policy
 *  @returns the record to store (the same object when nothing changed) and what to do, in order */
export function stepRollout(record: RolloutRecord, view: RolloutView, nowMs: number): RolloutStep {
  assert.equal(view.release.sequence, record.policy.sequence, "view holds another release");
  if (!needsStep(record)) return { record, effects: [] };
  const seen = survey(record, view, nowMs);
  if (record.status === "paused") return { record: seen.record, effects: seen.effects };
  if (record.status !== "running") {
    const back = takeBack(seen.record, seen.updated, nowMs);
    return { record: back.record, effects: [...seen.effects, ...back.effects] };
  }
  const vitals =
    view.vitals === null
      ? null
      : judgeVitals(seen.record, view.vitals, seen.updated, seen.others, nowMs);
  const stop = stopReason(seen, view, vitals, nowMs);
  if (stop !== null) return halt(seen, stop, nowMs);
  const moved = advance(seen, vitals, nowMs);
  return offerOpenWaves(moved, seen, nowMs);
}

function stopReason(
  seen: Survey,
  view: RolloutView,
  vitals: VitalsJudgement | null,
  nowMs: number,
): Stop | null {
  const { record, tallies } = seen;
  const isReverting = record.policy.onHalt === "revert";
  if (view.release.poisonedMs !== null) {
    const reason = `release ${view.release.sequence} was poisoned: ${view.release.poisonReason ?? "no reason given"}`;
    return { reason, wave: record.wave, isReverting, isForVitals: false };
  }
  const over = tallies.find((tally) => tally.wave <= record.wave && isOver(record, tally));
  const isWorse = vitals !== null && vitals.isWorse && record.vitalsAcknowledged !== true;
  if (over !== undefined || isWorse) {
    const tally = over ?? tallies[record.wave]!;
    const reason = evidence(tally, vitals);
    return { reason, wave: tally.wave, isReverting, isForVitals: isWorse };
  }
  if (record.policy.deadlineMs !== null && nowMs >= record.policy.deadlineMs) {
    const updated = seen.updated.length;
    const reason = `the deadline passed with ${updated} of ${updated + seen.others.length} devices updated`;
    return { reason, wave: record.wave, isReverting: false, isForVitals: false };
  }
  return null;
}

function isOver(record: RolloutRecord, tally: WaveTally): boolean {
  const { thresholds } = record.policy;
  return causes.some(
    (cause) => tally.causes[cause].length > thresholds[cause] * tally.reachable + 1e-9,
  );
}

/** All that is known against (or for) a wave, as clauses with figures. */
function evidence(tally: WaveTally, vitals: VitalsJudgement | null): string {
  const clauses: (string | null)[] = causes.map((cause) =>
    tally.causes[cause].length === 0
      ? null
      : causeClause(cause, tally.causes[cause], tally.reachable),
  );
  if (vitals !== null) {
    clauses.push(vitals.words);
    if (vitals.waitingFor.length > 0) {
      clauses.push(`too few samples to compare the battery of ${vitals.waitingFor.join(", ")}`);
    }
  }
  clauses.push(listClause(tally.silent, "silent"));
  clauses.push(listClause(tally.deferred, "asking for later"));
  return clauses.filter((clause) => clause !== null).join("; ");
}

/** Starts soaks, promotes waves and ends the rollout, as far as this moment allows. A step either moves on or leaves
 *  the record as it is, so the loop ends after two moves per wave. */
function advance(seen: Survey, vitals: VitalsJudgement | null, nowMs: number): RolloutStep {
  const effects = [...seen.effects];
  let record = seen.record;
  for (;;) {
    const next = advanceOnce(record, seen, vitals, nowMs, effects);
    if (next === record) return { record, effects };
    record = next;
    if (record.status !== "running") return { record, effects };
  }
}

function advanceOnce(
  record: RolloutRecord,
  seen: Survey,
  vitals: VitalsJudgement | null,
  nowMs: number,
  effects: RolloutEffect[],
): RolloutRecord {
  const tally = seen.tallies[record.wave]!;
  if (record.soakStartedMs === null) return startSoak(record, tally, nowMs, effects);
  const wave = record.policy.waves[record.wave]!;
  if (nowMs - record.soakStartedMs < wave.soakMs || vitals === null) return record;
  const isLast = record.wave === record.policy.waves.length - 1;
  if (isLast) {
    // The last wave takes everybody, so whoever is still on the way in any wave is waited for.
    if (seen.tallies.some((each) => hasOpen(record, each))) return record;
    return finish(record, seen, vitals, nowMs, effects);
  }
  if (vitals.waitingFor.length > 0 && record.vitalsAcknowledged !== true) {
    return hold(record, evidence(tally, vitals), nowMs, effects);
  }
  return promote(record, tally, vitals, nowMs, effects);
}

/** Soak begins when enough of the wave's reachable devices confirmed. A later wave that has nobody to wait for
 *  begins it too, since sleepers never block; the canary wave needs a device that has proved the release. */
function startSoak(
  record: RolloutRecord,
  tally: WaveTally,
  nowMs: number,
  effects: RolloutEffect[],
): RolloutRecord {
  const { confirmShare, soakMs } = record.policy.waves[record.wave]!;
  // Failures within the thresholds are not waited for: they would hold the wave for ever.
  const canConfirm = tally.updated + tally.pending.length;
  const enough = tally.updated >= confirmShare * canConfirm - 1e-9;
  const isProven = tally.updated > 0 || (record.wave > 0 && tally.pending.length === 0);
  if (!enough || !isProven) return record;
  const started = { ...record, soakStartedMs: nowMs };
  const text = `${waveWords(record, record.wave)}: ${tally.updated} of ${tally.reachable} reachable devices confirmed; soaking for ${durationWords(soakMs)}.`;
  effects.push(rolloutEvent(started, "soakStarted", text));
  return started;
}

function promote(
  record: RolloutRecord,
  tally: WaveTally,
  vitals: VitalsJudgement,
  nowMs: number,
  effects: RolloutEffect[],
): RolloutRecord {
  const known = evidence(tally, vitals);
  const soak = durationWords(nowMs - record.soakStartedMs!);
  const count = `${tally.updated} of ${tally.reachable} reachable devices confirmed and soaked for ${soak}`;
  const reason = known === "" ? count : `${count}; ${known}`;
  return openNextWave(record, reason, nowMs, effects);
}

/** Writes the verdict and opens the next wave. Used by the gate and by an operator's override. */
export function openNextWave(
  record: RolloutRecord,
  reason: string,
  nowMs: number,
  effects: RolloutEffect[],
): RolloutRecord {
  const next: RolloutRecord = {
    ...record,
    wave: record.wave + 1,
    waveStartedMs: nowMs,
    soakStartedMs: null,
    verdicts: [...record.verdicts, { wave: record.wave, result: "promote", reason, atMs: nowMs }],
  };
  const text = `${waveWords(record, record.wave)} promoted: ${reason}.`;
  effects.push(rolloutEvent(record, "wavePromoted", text));
  effects.push(rolloutEvent(next, "waveStarted", `${waveWords(next, next.wave)} started.`));
  return next;
}

/** Says once per wave why it is not promoted yet. */
function hold(
  record: RolloutRecord,
  reason: string,
  nowMs: number,
  effects: RolloutEffect[],
): RolloutRecord {
  const { wave } = record;
  if (record.verdicts.some((verdict) => verdict.wave === wave && verdict.result === "hold")) {
    return record;
  }
  effects.push(rolloutEvent(record, "waveHeld", `${waveWords(record, wave)} holds: ${reason}.`));
  return {
    ...record,
    verdicts: [...record.verdicts, { wave, result: "hold", reason, atMs: nowMs }],
  };
}

/** A wave has open devices while a reachable one is still on its way. */
function hasOpen(record: RolloutRecord, tally: WaveTally): boolean {
  return tally.wave <= record.wave && tally.pending.length > 0;
}

function finish(
  record: RolloutRecord,
  seen: Survey,
  vitals: VitalsJudgement,
  nowMs: number,
  effects: RolloutEffect[],
): RolloutRecord {
  const total: WaveTally = { ...seen.tallies[0]!, reachable: 0, updated: 0 };
  total.causes = { failed: [], reverted: [], rejected: [], timedOut: [] };
  total.silent = seen.tallies.flatMap((tally) => tally.silent);
  total.deferred = seen.tallies.flatMap((tally) => tally.deferred);
  for (const tally of seen.tallies) {
    total.reachable += tally.reachable;
    total.updated += tally.updated;
    for (const cause of causes) total.causes[cause].push(...tally.causes[cause]);
  }
  const known = evidence(total, vitals);
  const count = `${total.updated} of ${total.reachable} reachable devices run release ${record.policy.sequence}`;
  const reason = known === "" ? count : `${count}; ${known}`;
  effects.push(rolloutEvent(record, "rolloutDone", `Rollout "${record.policy.name}": ${reason}.`));
  return {
    ...record,
    status: "done",
    endedMs: nowMs,
    verdicts: [...record.verdicts, { wave: record.wave, result: "promote", reason, atMs: nowMs }],
  };
}

/** Makes the offers of every open wave that were not made yet. Sleepers get theirs too: it waits for their next
 *  contact. */
function offerOpenWaves(step: RolloutStep, seen: Survey, nowMs: number): RolloutStep {
  const { record } = step;
  if (record.status !== "running" && record.status !== "done") return step;
  const progress = record.progress ?? {};
  let changed: Record<string, DeviceProgress> | null = null;
  const effects = [...step.effects];
  for (const { serial } of seen.others) {
    if (progress[serial] !== undefined || record.assigned[serial]! > record.wave) continue;
    changed ??= { ...progress };
    changed[serial] = {
      offeredMs: nowMs,
      deliveredMs: null,
      confirmedMs: null,
      cause: null,
      acknowledged: null,
      revertOrderedMs: null,
    };
    effects.push({ kind: "offer", serial, sequence: record.policy.sequence });
  }
  return { record: changed === null ? record : { ...record, progress: changed }, effects };
}
