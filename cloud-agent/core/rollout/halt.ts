import type { NewEvent } from "../records.ts";
import type { Survey } from "./survey.ts";
import type {
  DeviceFacts,
  DeviceProgress,
  RolloutEffect,
  RolloutRecord,
  RolloutStep,
} from "./types.ts";
import { listClause, waveWords } from "./words.ts";

/** An event of this rollout. */
export function rolloutEvent(
  record: RolloutRecord,
  kind: string,
  text: string,
  data: Record<string, unknown> = {},
): RolloutEffect {
  const { id, policy, wave } = record;
  const event: NewEvent = {
    kind,
    text,
    rolloutId: id,
    sequence: policy.sequence,
    data: { wave, ...data },
  };
  return { kind: "event", event };
}

/** Why a rollout stops. */
export interface Stop {
  /** what was found, with figures, without the place */
  reason: string;
  wave: number;
  /** false for a stop that says nothing against the release (deadline, policy "keep") */
  isReverting: boolean;
  /** keys of the vitals evidence among the reasons; null when vitals were no reason */
  vitals: string[] | null;
}

/** Stops a rollout for what was seen: withdraws open offers and, when the policy says so, takes confirmed devices
 *  back and poisons the release. Pure. */
export function halt(seen: Survey, stop: Stop, nowMs: number): RolloutStep {
  const { policy } = seen.record;
  const { reason, wave, isReverting } = stop;
  const text = `halted in ${waveWords(seen.record, wave)}: ${reason}`;
  const { judged } = seen.record;
  const figures = judged?.wave === wave ? judged.figures : null;
  let record: RolloutRecord = {
    ...seen.record,
    status: "halted",
    endedMs: nowMs,
    haltReason: text,
    isReverting,
    haltedFor: stop.vitals ?? [],
    verdicts: [
      ...seen.record.verdicts,
      { wave, result: isReverting ? "revert" : "hold", reason, atMs: nowMs, figures },
    ],
  };
  const effects: RolloutEffect[] = [...seen.effects, { kind: "halt", reason: text }];
  effects.push(rolloutEvent(record, "rolloutHalted", `Rollout "${policy.name}" ${text}.`));
  effects.push(...withdrawals(record, seen.others));
  if (isReverting) {
    effects.push({ kind: "poison", sequence: policy.sequence, reason: text });
    const back = takeBack(record, seen.updated, nowMs);
    record = back.record;
    effects.push(...back.effects);
    effects.push(...stuckEvents(record, seen.updated));
  }
  return { record, effects };
}

/** Says which confirmed devices cannot be taken back. */
export function stuckEvents(record: RolloutRecord, updated: DeviceFacts[]): RolloutEffect[] {
  const named = record.revertTo ?? record.policy.revertTo ?? null;
  const where = named === null ? "" : ` to release ${named}`;
  const stuck = listClause(
    updated.filter((device) => isOwn(record, device) && !canRevert(record, device)),
    `confirmed devices cannot go back${where} without a download`,
  );
  return stuck === null ? [] : [rolloutEvent(record, "revertImpossible", `${stuck}.`)];
}

/** Withdraws every offer that is still open. */
export function withdrawals(record: RolloutRecord, others: DeviceFacts[]): RolloutEffect[] {
  return others
    .filter((device) => isOwn(record, device))
    .map(({ serial }) => ({ kind: "withdrawOffer", serial, sequence: record.policy.sequence }));
}

/** Orders every device that confirmed in this rollout back to its other slot, once. Needs no download. A device that
 *  confirms only after the halt is ordered back by a later step. Pure. */
export function takeBack(
  record: RolloutRecord,
  updated: DeviceFacts[],
  nowMs: number,
): RolloutStep {
  const progress = record.progress ?? {};
  let changed: Record<string, DeviceProgress> | null = null;
  const effects: RolloutEffect[] = [];
  for (const device of updated) {
    const entry = progress[device.serial];
    if (entry === undefined || entry.revertOrderedMs !== null) continue;
    if (device.orderPending !== null || !canRevert(record, device)) continue;
    changed ??= { ...progress };
    changed[device.serial] = { ...entry, revertOrderedMs: nowMs };
    const toSequence = device.otherSequence;
    effects.push({ kind: "orderRevert", serial: device.serial, toSequence });
  }
  if (changed === null) return { record, effects };
  const text = `${effects.length} confirmed ${effects.length === 1 ? "device was" : "devices were"} ordered back to the release in the other slot.`;
  effects.push(rolloutEvent(record, "revertsOrdered", text));
  return { record: { ...record, progress: changed }, effects };
}

/** True when the other slot can be booted: it verifies, holds another release and is not below the floor. */
function canRevert(record: RolloutRecord, device: DeviceFacts): boolean {
  return (
    device.otherValid &&
    device.otherSequence !== 0 &&
    device.otherSequence !== record.policy.sequence &&
    isNamed(record, device.otherSequence) &&
    device.otherSequence >= device.floor
  );
}

/** Where a release to go back to is named, no other will do. */
function isNamed(record: RolloutRecord, sequence: number): boolean {
  const named = record.revertTo ?? record.policy.revertTo ?? null;
  return named === null || named === sequence;
}

function isOwn(record: RolloutRecord, device: DeviceFacts): boolean {
  return record.progress?.[device.serial] !== undefined;
}
