import { strict as assert } from "node:assert";
import { halt, rolloutEvent, type Stop, takeBack } from "./halt.ts";
import { offerOpenWaves } from "./offering.ts";
import { type Survey, survey, type WaveTally } from "./survey.ts";
import type { RolloutEffect, RolloutRecord, RolloutStep, RolloutView, Verdict } from "./types.ts";
import { gateOf } from "./verdict/gate.ts";
import { evidenceAgainst, isWorse, judge } from "./verdict/judge.ts";
import type { Judged } from "./verdict/types.ts";
import { lookOf } from "./verdict/wanted.ts";
import { waitingWords } from "./verdict/words.ts";
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
  const stop = stopReason(seen, view, nowMs);
  if (stop !== null) return halt(seen, stop, nowMs);
  const moved = advance(seen, view, nowMs);
  return moved.record.status === "halted" ? moved : offerOpenWaves(moved, seen, nowMs);
}

/** Reasons that need no look at vitals. */
function stopReason(seen: Survey, view: RolloutView, nowMs: number): Stop | null {
  const { record, tallies } = seen;
  const isReverting = record.policy.onHalt === "revert";
  if (view.release.poisonedMs !== null) {
    const reason = `release ${view.release.sequence} was poisoned: ${view.release.poisonReason ?? "no reason given"}`;
    return { reason, wave: record.wave, isReverting, vitals: null };
  }
  const over = tallies.find((tally) => tally.wave <= record.wave && isOver(record, tally));
  if (over !== undefined) {
    const reason = evidence(over, judgedOf(record));
    // What failed on the way says nothing against the release at its end.
    const isOwn = causes.some((cause) =>
      over.causes[cause].some(({ serial }) => !seen.onWay.has(serial)),
    );
    return { reason, wave: over.wave, isReverting: isReverting && isOwn, vitals: null };
  }
  if (record.policy.deadlineMs !== null && nowMs >= record.policy.deadlineMs) {
    const updated = seen.updated.length;
    const reason = `the deadline passed with ${updated} of ${updated + seen.others.length} devices updated`;
    return { reason, wave: record.wave, isReverting: false, vitals: null };
  }
  return null;
}

/** The newest look at this wave, null before the first. */
function judgedOf(record: RolloutRecord): Judged | null {
  return record.judged?.wave === record.wave ? record.judged : null;
}

function isOver(record: RolloutRecord, tally: WaveTally): boolean {
  const { thresholds } = record.policy;
  const ended = tally.updated + causes.reduce((sum, cause) => sum + tally.causes[cause].length, 0);
  // A share of too few says little while more are to come; of those who came it is the whole truth.
  if (ended < (thresholds.sampleMin ?? 1) && tally.pending.length > 0) return false;
  return causes.some(
    (cause) => tally.causes[cause].length > thresholds[cause] * tally.reachable + 1e-9,
  );
}

/** All that is known against (or for) a wave, as clauses with figures. */
function evidence(tally: WaveTally, judged: Judged | null): string {
  const clauses: (string | null)[] = causes.map((cause) =>
    tally.causes[cause].length === 0
      ? null
      : causeClause(cause, tally.causes[cause], tally.reachable),
  );
  if (judged !== null) clauses.push(judged.words);
  clauses.push(listClause(tally.silent, "silent"));
  clauses.push(listClause(tally.deferred, "asking for later"));
  clauses.push(listClause(tally.missedWindows, "not met in any window"));
  clauses.push(listClause(tally.awaitingConsent, "awaiting consent"));
  clauses.push(listClause(tally.boxed, "left alone after failures"));
  return clauses.filter((clause) => clause !== null).join("; ");
}

/** Starts soaks, looks at vitals, promotes waves and ends the rollout, as far as this moment allows. A step either moves
 *  on or leaves the record as it is, so the loop ends after a few moves per wave. */
function advance(seen: Survey, view: RolloutView, nowMs: number): RolloutStep {
  const effects = [...seen.effects];
  let record = seen.record;
  for (;;) {
    const look = lookOf(record, isGateOpen(record, seen), nowMs);
    if (look !== null && view.vitals === null) return { record, effects, isLookDue: true };
    if (look !== null && view.vitals !== null) {
      const judged = judge(record, view.vitals, seen.updated, seen.others, look, nowMs);
      record = { ...record, judged };
      effects.push(lookEvent(record, judged));
      if (isWorse(judged)) return haltForVitals({ ...seen, record, effects }, judged, nowMs);
    }
    const next = advanceOnce(record, seen, nowMs, effects);
    if (next === record) return { record, effects };
    record = next;
    if (record.status !== "running") return { record, effects };
  }
}

/** The last wave takes everybody, so whoever is still on the way in any wave is waited for. */
function isGateOpen(record: RolloutRecord, seen: Survey): boolean {
  const isLast = record.wave === record.policy.waves.length - 1;
  return !isLast || !seen.tallies.some((tally) => hasOpen(record, tally));
}

function lookEvent(record: RolloutRecord, { figures, words }: Judged): RolloutEffect {
  const found = [words, waitingWords(figures.waitingFor)].filter((clause) => clause !== null);
  const what = found.length === 0 ? "nothing to compare" : found.join("; ");
  const text = `${waveWords(record, record.wave)}, look ${figures.look + 1} at vitals: ${what}.`;
  return rolloutEvent(record, "vitalsCompared", text, { figures });
}

function haltForVitals(seen: Survey, judged: Judged, nowMs: number): RolloutStep {
  const { record, tallies } = seen;
  const reason = evidence(tallies[record.wave]!, judged);
  const isReverting = record.policy.onHalt === "revert";
  return halt(
    seen,
    { reason, wave: record.wave, isReverting, vitals: evidenceAgainst(judged) },
    nowMs,
  );
}

function advanceOnce(
  record: RolloutRecord,
  seen: Survey,
  nowMs: number,
  effects: RolloutEffect[],
): RolloutRecord {
  const tally = seen.tallies[record.wave]!;
  if (record.soakStartedMs === null) return startSoak(record, tally, nowMs, effects);
  const judged = judgedOf(record);
  const gate = gateOf(record, judged, nowMs);
  if (judged === null || gate.result === "wait" || !isGateOpen(record, seen)) return record;
  if (gate.result === "hold") {
    return hold(record, gate.why, evidence(tally, judged), judged, nowMs, effects);
  }
  const isLast = record.wave === record.policy.waves.length - 1;
  if (isLast) return finish(record, seen, judged, nowMs, effects);
  return promote(record, tally, judged, gate.why, nowMs, effects);
}

function joined(...clauses: (string | null)[]): string {
  return clauses.filter((clause) => clause !== null && clause !== "").join("; ");
}

/** Soak begins when enough of the wave's reachable devices confirmed. A later wave that has nobody to wait for
 *  begins it too, since sleepers never block; the canary wave needs a device that has proved the release. */
function startSoak(
  record: RolloutRecord,
  tally: WaveTally,
  nowMs: number,
  effects: RolloutEffect[],
): RolloutRecord {
  const { confirmShare, soakMs, confirmMin } = record.policy.waves[record.wave]!;
  // Failures within the thresholds are not waited for: they would hold the wave for ever.
  const canConfirm = tally.updated + tally.pending.length;
  const enough = tally.updated >= confirmShare * canConfirm - 1e-9;
  const least = record.wave === 0 ? 1 : 0;
  const couldCome = canConfirm + tally.silent.length + tally.deferred.length;
  const isProven =
    confirmMin === undefined
      ? tally.updated > 0 || (record.wave > 0 && tally.pending.length === 0)
      : tally.updated >= Math.max(least, Math.min(confirmMin, couldCome));
  if (!enough || !isProven) return record;
  const started = { ...record, soakStartedMs: nowMs };
  const text = `${waveWords(record, record.wave)}: ${tally.updated} of ${tally.reachable} reachable devices confirmed; soaking for ${durationWords(soakMs)}.`;
  effects.push(rolloutEvent(started, "soakStarted", text));
  return started;
}

function promote(
  record: RolloutRecord,
  tally: WaveTally,
  judged: Judged,
  why: string | null,
  nowMs: number,
  effects: RolloutEffect[],
): RolloutRecord {
  const soak = durationWords(nowMs - record.soakStartedMs!);
  const count = `${tally.updated} of ${tally.reachable} reachable devices confirmed and soaked for ${soak}`;
  return openNextWave(record, joined(count, evidence(tally, judged), why), nowMs, effects);
}

/** Writes the verdict and opens the next wave. Used by the gate and by an operator's override. */
export function openNextWave(
  record: RolloutRecord,
  reason: string,
  nowMs: number,
  effects: RolloutEffect[],
): RolloutRecord {
  const { wave } = record;
  const figures = judgedOf(record)?.figures ?? null;
  const next: RolloutRecord = {
    ...record,
    wave: wave + 1,
    waveStartedMs: nowMs,
    soakStartedMs: null,
    judged: null,
    verdicts: [...record.verdicts, { wave, result: "promote", reason, atMs: nowMs, figures }],
  };
  const text = `${waveWords(record, wave)} promoted: ${reason}.`;
  effects.push(rolloutEvent(record, "wavePromoted", text));
  effects.push(rolloutEvent(next, "waveStarted", `${waveWords(next, next.wave)} started.`));
  return next;
}

/** Says why a wave is not promoted, once for each reason. */
function hold(
  record: RolloutRecord,
  why: string,
  known: string,
  { figures }: Judged,
  nowMs: number,
  effects: RolloutEffect[],
): RolloutRecord {
  const { wave, verdicts } = record;
  const isSaid = (one: Verdict) =>
    one.wave === wave && one.result === "hold" && one.reason.startsWith(why);
  if (verdicts.some(isSaid)) return record;
  const reason = joined(why, known);
  effects.push(rolloutEvent(record, "waveHeld", `${waveWords(record, wave)} holds: ${reason}.`));
  return {
    ...record,
    verdicts: [...verdicts, { wave, result: "hold", reason, atMs: nowMs, figures }],
  };
}

/** A wave has open devices while a reachable one is still on its way. */
function hasOpen(record: RolloutRecord, tally: WaveTally): boolean {
  return tally.wave <= record.wave && tally.pending.length > 0;
}

function finish(
  record: RolloutRecord,
  seen: Survey,
  judged: Judged,
  nowMs: number,
  effects: RolloutEffect[],
): RolloutRecord {
  const total: WaveTally = { ...seen.tallies[0]!, reachable: 0, updated: 0 };
  total.causes = { failed: [], reverted: [], rejected: [], timedOut: [] };
  total.silent = seen.tallies.flatMap((tally) => tally.silent);
  total.deferred = seen.tallies.flatMap((tally) => tally.deferred);
  for (const list of ["missedWindows", "awaitingConsent", "boxed"] as const) {
    total[list] = seen.tallies.flatMap((tally) => tally[list]);
  }
  for (const tally of seen.tallies) {
    total.reachable += tally.reachable;
    total.updated += tally.updated;
    for (const cause of causes) total.causes[cause].push(...tally.causes[cause]);
  }
  const { wave } = record;
  const { figures } = judged;
  const known = evidence(total, judged);
  const count = `${total.updated} of ${total.reachable} reachable devices run release ${record.policy.sequence}`;
  const reason = known === "" ? count : `${count}; ${known}`;
  effects.push(rolloutEvent(record, "rolloutDone", `Rollout "${record.policy.name}": ${reason}.`));
  return {
    ...record,
    status: "done",
    endedMs: nowMs,
    verdicts: [...record.verdicts, { wave, result: "promote", reason, atMs: nowMs, figures }],
  };
}
