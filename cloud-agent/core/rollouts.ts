/** Rollouts between the pure step and the store: creating, acting, applying effects. */
import { Code } from "../../firmware/protocol/errors.ts";
import { Lifecycle } from "../../firmware/protocol/messages.ts";
import type { Tx } from "../storage/store.ts";
import { AgentCode, AgentError } from "./errors.ts";
import { resolveSaved } from "./filter/saved.ts";
import { type Edge, newOrderId } from "./lifecycle.ts";
import { devicesPerReadMax } from "./limits.ts";
import { needRelease } from "./releases.ts";
import { approveRollout } from "./rollout/approvals.ts";
import {
  abortRollout,
  draftRollout,
  pauseRollout,
  promoteByHand,
  resumeRollout,
  startRollout,
} from "./rollout/control.ts";
import { factsOf } from "./rollout/facts.ts";
import { penalise } from "./rollout/penalty.ts";
import { inEmergency } from "./rollout/policy/emergency.ts";
import { checkPassThrough, parsePolicy, validatePolicy } from "./rollout/policy.ts";
import type {
  DeviceFacts,
  RolloutEffect,
  RolloutRecord,
  RolloutStep,
  RolloutView,
} from "./rollout/types.ts";
import { summaryOf, type VitalsSummary } from "./rollout/verdict/summary.ts";
import type { VitalsWanted } from "./rollout/verdict/wanted.ts";
import { timeWords } from "./rollout/words.ts";

export type RolloutAction =
  /** approver: a person whose own token says start, and so approves it; null: started without approving */
  | { verb: "start"; approver: string | null }
  | { verb: "approve" }
  | { verb: "pause" }
  | { verb: "resume" }
  | { verb: "promote"; reason: string }
  | { verb: "abort"; confirmed: "keep" | "revert"; toSequence?: number };

/** A stored step, and the devices that have something new waiting for them. */
export interface AppliedStep {
  record: RolloutRecord;
  changedSerials: string[];
}

/** Writes a draft for a release that can still be brought out.
 *  @param request.policy JSON from outside; `author` is the caller where it is not given
 *  @param request.approvalsMin the agent's own least; omitted: as the policy says
 *  @throws AgentError RolloutPolicyInvalid, ApproverIsAuthor, ReleaseNotFound, ImagePoisoned, FilterUnknown */
export async function createRollout(
  tx: Tx,
  request: { policy: Record<string, unknown>; person: string; approvalsMin?: number },
  edge: Edge,
): Promise<RolloutRecord> {
  const written = parsePolicy({ author: request.person, ...request.policy });
  const release = await needRelease(tx, written.sequence);
  const fast = inEmergency(await resolveSaved(tx, written), release);
  const approvals = Math.max(fast.approvals ?? 0, request.approvalsMin ?? 0);
  const policy = { ...fast, approvals };
  if (release.poisonedMs !== null) {
    throw new AgentError(
      Code.ImagePoisoned,
      `release ${release.sequence}: poisoned (${release.poisonReason})`,
    );
  }
  validatePolicy(policy, release, edge.nowMs);
  checkPassThrough(policy, await tx.releases());
  const id = Buffer.from(edge.random.bytes(6)).toString("hex");
  const record = { ...draftRollout(id, policy), writtenBy: request.person };
  await tx.putRollout(record);
  await tx.appendEvent(
    {
      kind: "rolloutCreated",
      rolloutId: record.id,
      sequence: policy.sequence,
      text: `${request.person} wrote rollout "${policy.name}" of release ${policy.sequence}.`,
      data: { author: policy.author },
    },
    edge.nowMs,
  );
  return record;
}

/** @throws AgentError NotFound */
export async function needRollout(tx: Tx, id: string): Promise<RolloutRecord> {
  const record = await tx.rollout(id);
  if (record) return record;
  throw new AgentError(AgentCode.NotFound, `rollout ${id}: there is none with this id`);
}

/** Starts, pauses, resumes or aborts a rollout by a person's word.
 *  @throws AgentError NotFound, RolloutStateWrong, ImagePoisoned, RolloutPolicyInvalid, ApproverIsAuthor */
export async function actOnRollout(
  tx: Tx,
  request: { id: string; action: RolloutAction; person: string },
  edge: Edge,
): Promise<AppliedStep> {
  const { action, person } = request;
  const stored = await needRollout(tx, request.id);
  const view: RolloutView = {
    devices: await allFacts(tx),
    vitals: null,
    release: await needRelease(tx, stored.policy.sequence),
    releases: await tx.releases(),
  };
  return applyStep(tx, stored, step(stored, view, action, person, edge.nowMs), edge);
}

function step(
  record: RolloutRecord,
  view: RolloutView,
  action: RolloutAction,
  person: string,
  nowMs: number,
): RolloutStep {
  switch (action.verb) {
    case "start": {
      if (action.approver === null) return startRollout(record, view, nowMs);
      const approved = approveRollout(record, action.approver, nowMs);
      const started = startRollout(approved.record, view, nowMs);
      return { ...started, effects: [...approved.effects, ...started.effects] };
    }
    case "approve":
      return approveRollout(record, person, nowMs);
    case "promote":
      return promoteByHand(record, view, nowMs, person, action.reason);
    case "pause":
      return pauseRollout(record, view, nowMs, person);
    case "resume":
      return resumeRollout(record, view, nowMs, person);
    case "abort":
      return abortRollout(record, view, nowMs, person, action.confirmed, action.toSequence ?? null);
  }
}

/** Stores what a step decided, record and effects together. */
export async function applyStep(
  tx: Tx,
  before: RolloutRecord,
  step: RolloutStep,
  edge: Edge,
): Promise<AppliedStep> {
  const changedSerials: string[] = [];
  const { record } = step;
  if (record !== before) await tx.putRollout(record);
  for (const effect of step.effects) {
    switch (effect.kind) {
      case "event":
        await tx.appendEvent({ rolloutId: record.id, ...effect.event }, edge.nowMs);
        break;
      case "offer":
        // Not stored: whoever checks in is told what `nextFor` says then. The line is for those who ask why.
        await tx.appendEvent(
          {
            kind: "updateOffered",
            serial: effect.serial,
            rolloutId: record.id,
            sequence: effect.sequence,
            text: `Release ${effect.sequence} waits for ${effect.serial} at its next contact.`,
          },
          edge.nowMs,
        );
        changedSerials.push(effect.serial);
        break;
      case "withdrawOffer":
        await tx.appendEvent(
          {
            kind: "offerWithdrawn",
            serial: effect.serial,
            rolloutId: record.id,
            sequence: effect.sequence,
            text: `Release ${effect.sequence} is no longer offered to ${effect.serial}.`,
          },
          edge.nowMs,
        );
        break;
      case "orderRevert":
        if (await orderBack(tx, record, effect.serial, effect.toSequence, edge)) {
          changedSerials.push(effect.serial);
        }
        break;
      case "failure":
        await notePenalty(tx, record, effect, edge.nowMs);
        break;
      case "poison":
        await poison(tx, record, effect.sequence, effect.reason, edge.nowMs);
        break;
      case "halt":
        // The record carries it; its event comes as an effect of its own.
        break;
    }
  }
  return { record, changedSerials };
}

/** The device may have changed since the step looked at it: an order that stands goes first, and a device that left is
 *  left alone.
 *  @returns whether the order was written */
async function orderBack(
  tx: Tx,
  record: RolloutRecord,
  serial: string,
  toSequence: number,
  edge: Edge,
): Promise<boolean> {
  const device = await tx.device(serial);
  if (!device || isGone(device.lifecycle)) return false;
  if (device.order && device.order.kind !== "revert") return false;
  if (device.order?.toSequence === toSequence) return false;
  const orderId = newOrderId(edge.random);
  await tx.putDevice({
    ...device,
    order: { kind: "revert", orderId, toSequence, createdMs: edge.nowMs },
  });
  await tx.appendEvent(
    {
      kind: "revertOrdered",
      serial,
      rolloutId: record.id,
      sequence: toSequence,
      text: `Rollout "${record.policy.name}" ordered ${serial} back to release ${toSequence}.`,
      data: { orderId, fromSequence: device.runningSequence },
    },
    edge.nowMs,
  );
  return true;
}

/** One failure more on the device's own account; in the box nobody offers it anything. */
async function notePenalty(
  tx: Tx,
  record: RolloutRecord,
  failure: Extract<RolloutEffect, { kind: "failure" }>,
  nowMs: number,
): Promise<void> {
  const { serial, sequence, rule } = failure;
  const device = await tx.device(serial);
  if (!device) return;
  const penalty = penalise(device.penalty ?? null, sequence, rule, nowMs);
  await tx.putDevice({ ...device, penalty });
  if (penalty.untilMs === null || penalty.untilMs === device.penalty?.untilMs) return;
  const text = `${serial} failed ${rule.failures} times and is left alone until ${timeWords(penalty.untilMs)}.`;
  const event = { kind: "deviceBoxed", serial, sequence, rolloutId: record.id, text };
  await tx.appendEvent(event, nowMs);
}

function isGone(lifecycle: number): boolean {
  return lifecycle === Lifecycle.Wiping || lifecycle === Lifecycle.Retired;
}

async function poison(
  tx: Tx,
  record: RolloutRecord,
  sequence: number,
  reason: string,
  nowMs: number,
): Promise<void> {
  const release = await needRelease(tx, sequence);
  if (release.poisonedMs !== null) return;
  await tx.putRelease({ ...release, poisonedMs: nowMs, poisonReason: reason });
  await tx.appendEvent(
    {
      kind: "releasePoisoned",
      rolloutId: record.id,
      sequence,
      code: Code.ImagePoisoned,
      text: `Release ${sequence} is poisoned and will never be offered again: ${reason}`,
    },
    nowMs,
  );
}

/** Facts of the whole fleet, read page by page. */
export async function allFacts(tx: Tx): Promise<DeviceFacts[]> {
  const facts: DeviceFacts[] = [];
  let after: string | undefined;
  for (;;) {
    const page = await tx.devices({ after, limit: devicesPerReadMax });
    for (const device of page) facts.push(factsOf(device));
    if (page.length < devicesPerReadMax) return facts;
    after = page[page.length - 1]!.serial;
  }
}

/** Vitals of the named devices, summed up as a step wants them. */
export async function summariesOf(
  tx: Tx,
  wanted: VitalsWanted,
  rowsMax: number,
): Promise<Record<string, VitalsSummary>> {
  const { serials, sinceMs, cutMs, metrics } = wanted;
  const vitals: Record<string, VitalsSummary> = {};
  for (const serial of serials) {
    const rows = await tx.vitals({ serial, sinceMs, limit: rowsMax });
    vitals[serial] = summaryOf(rows, cutMs, metrics);
  }
  return vitals;
}
