/** Sagas as they are stored: the open ones by when their next call is due, the ended ones until they are forgotten. */
import type { Tx } from "../../storage/store.ts";
import { documentKind } from "../documents.ts";
import { AgentCode, AgentError } from "../errors.ts";
import type { OutboxClock } from "../outbox/outbox.ts";
import { forgottenPerTurnMax, sagaKeepMs } from "./limits.ts";
import { endState, expiredRefusal, nextCall, type Saga, startUndo } from "./saga.ts";

/** id: the saga's; ref: its serial; due on the listening clock */
export const openSagas = documentKind<Saga>("provisioningOpen");
export const endedSagas = documentKind<Saga>("provisioningEnded");

export async function findSaga(tx: Tx, id: string): Promise<Saga | null> {
  return (await tx.documents.get(openSagas, id)) ?? (await tx.documents.get(endedSagas, id));
}

/** @throws AgentError NotFound */
export async function needSaga(tx: Tx, id: string): Promise<Saga> {
  const saga = await findSaga(tx, id);
  if (saga) return saga;
  throw new AgentError(AgentCode.NotFound, `provisioning ${id}: there is none with this id`);
}

/** Stores a saga: due after the pause, or ended when no call is left. @returns it as it stands now */
export async function saveSaga(
  tx: Tx,
  saga: Saga,
  pauseMs: number | null,
  now: OutboxClock,
): Promise<Saga> {
  const { id, serial: ref } = saga;
  if (nextCall(saga)) {
    await tx.documents.delete(endedSagas, id);
    // At once also for an agent that was killed: its listening clock goes on at the last note, which is before this.
    const dueMs = pauseMs === null ? 0 : now.steadyMs + pauseMs;
    await tx.documents.put(openSagas, { id, ref, dueMs, value: saga });
    return saga;
  }
  const value: Saga = { ...saga, state: endState(saga), endedMs: now.wallMs };
  await tx.documents.delete(openSagas, id);
  const dueMs = now.steadyMs + sagaKeepMs;
  await tx.documents.put(endedSagas, { id, ref, dueMs, value });
  await tellEnd(tx, value, now);
  return value;
}

/** Takes back what was done for a claim that came to nothing. One without a saga has nothing to take back. */
export async function undoClaim(tx: Tx, claimId: string | null, now: OutboxClock): Promise<void> {
  const saga = claimId === null ? null : await tx.documents.get(endedSagas, claimId);
  if (saga?.state !== "passed") return;
  const undone = startUndo({ ...saga, endedMs: null }, expiredRefusal(saga));
  await saveSaga(tx, undone, null, now);
}

/** Forgets ended sagas that are old. @returns how many; bounded per call */
export async function forgetSagas(tx: Tx, steadyMs: number): Promise<number> {
  const page = { dueByMs: steadyMs, limit: forgottenPerTurnMax };
  const old = await tx.documents.list(endedSagas, page);
  for (const { id } of old) await tx.documents.delete(endedSagas, id);
  return old.length;
}

/** Erases the ended sagas of a device. @returns how many went */
export async function eraseSagas(tx: Tx, serial: string, limit: number): Promise<number> {
  const ended = await tx.documents.list(endedSagas, { ref: serial, limit });
  for (const { id } of ended) await tx.documents.delete(endedSagas, id);
  return ended.length;
}

async function tellEnd(tx: Tx, saga: Saga, now: OutboxClock): Promise<void> {
  const { id, serial, event, state, refusal } = saga;
  const words: Partial<Record<Saga["state"], string>> = {
    passed: `All other systems took the ${event} of ${serial}.`,
    incomplete: `The ${event} of ${serial} went on, but a hook failed.`,
    refused: `What other systems did for the ${event} of ${serial} was taken back.`,
    stuck: `What other systems did for the ${event} of ${serial} could not all be taken back.`,
  };
  await tx.appendEvent(
    {
      ...{ kind: "provisioningEnded", serial, code: refusal?.code ?? null },
      ...{ text: words[state]!, data: { id, event, state } },
    },
    now.wallMs,
  );
}
