/** What an answer of another system does here: a claim is opened to its device or refused, a wipe is ordered or not. Each
 *  step and its effect are one transaction, so that an agent killed at any moment goes on at the right one. */
import type { Tx } from "../../storage/store.ts";
import type { BillingEdge } from "../billing.ts";
import { admitClaim, freeClaim } from "../claims.ts";
import { AgentCode, AgentError } from "../errors.ts";
import { decommission, type Edge, isWipeOrdered, needDevice, wipeModeNames } from "../lifecycle.ts";
import type { DeviceRecord } from "../records.ts";
import {
  again,
  type Call,
  type CallAnswer,
  type HookPlan,
  isAdmissible,
  newSaga,
  nextCall,
  type Saga,
  startUndo,
  takeAnswer,
} from "./saga.ts";
import { findSaga, needSaga, openSagas, saveSaga } from "./store.ts";

export type ProvisioningEdge = Edge & Pick<BillingEdge, "outputs" | "steadyMs">;

/** Orders a decommission, after the hooks that may veto it have been asked; without such hooks at once.
 *  @param edge.hooks those of decommissions, in order
 *  @throws AgentError as `decommission`; ProvisioningStateWrong while another order is being asked about */
export async function requestDecommission(
  tx: Tx,
  request: { serial: string; mode: number; person: string },
  edge: ProvisioningEdge & { hooks: readonly HookPlan[] },
): Promise<{ device: DeviceRecord; saga: Saga | null }> {
  const { serial, mode, person } = request;
  const device = await needDevice(tx, serial);
  if (device.provisioning) {
    const open = await findSaga(tx, device.provisioning);
    if (open?.event === "decommission" && open.facts.mode === wipeModeNames[mode]) {
      return { device, saga: open };
    }
    throw new AgentError(
      AgentCode.ProvisioningStateWrong,
      `device ${serial}: expected no other order, ${device.provisioning} (${open?.event}) waits for its hooks`,
    );
  }
  if (isWipeOrdered(device, mode) || edge.hooks.length === 0) {
    return { device: await decommission(tx, request, edge), saga: null };
  }
  const { model, board, batch } = device.birth;
  const { account, entitlement = null, consent = null } = device;
  const begun = newSaga(
    {
      ...{ id: hex(edge.random.bytes(8)), event: "decommission", serial, person },
      facts: {
        ...{ model, board, batch, account, entitlement, consent },
        ...{ previousAccount: null, mode: wipeModeNames[mode]! },
      },
      startedMs: edge.nowMs,
    },
    edge.hooks,
  );
  await tx.putDevice({ ...device, provisioning: begun.id });
  const saga = await settle(tx, begun, begun, null, edge);
  return { device: await needDevice(tx, serial), saga };
}

/** Takes what became of a call. An answer to a call whose turn is over changes nothing.
 *  @returns the saga after it, null when it is not open */
export async function takeCallAnswer(
  tx: Tx,
  made: { id: string; call: Call; answer: CallAnswer },
  edge: ProvisioningEdge,
): Promise<Saga | null> {
  const before = await tx.documents.get(openSagas, made.id);
  const due = before && nextCall(before);
  if (!before || due?.at !== made.call.at || due.action !== made.call.action) return null;
  const { saga, pauseMs } = takeAnswer(before, made.call, made.answer, edge.steadyMs);
  await tellFailure(tx, saga, made.call, edge.nowMs);
  return settle(tx, before, saga, pauseMs, edge);
}

/** Makes the calls that failed for good again, under their keys.
 *  @throws AgentError NotFound, ProvisioningStateWrong */
export async function replaySaga(
  tx: Tx,
  request: { id: string; person: string },
  edge: ProvisioningEdge,
): Promise<Saga> {
  const { id, person } = request;
  const before = await needSaga(tx, id);
  const saga = again(before);
  if (!saga) {
    throw new AgentError(
      AgentCode.ProvisioningStateWrong,
      `provisioning ${id}: expected one that is incomplete or stuck, it is ${before.state}`,
    );
  }
  const { serial, event } = saga;
  const text = `${person} had the failed hooks of the ${event} of ${serial} called again.`;
  await tx.appendEvent({ kind: "hooksReplayed", serial, text, data: { id, person } }, edge.nowMs);
  return saveSaga(tx, saga, null, { steadyMs: edge.steadyMs, wallMs: edge.nowMs });
}

/** Lets happen what may, takes the device out of what may not, and stores the saga. */
async function settle(
  tx: Tx,
  before: Saga,
  after: Saga,
  pauseMs: number | null,
  edge: ProvisioningEdge,
): Promise<Saga> {
  let saga = after;
  if (isAdmissible(saga)) {
    const refusal = await admit(tx, saga, edge);
    saga = refusal
      ? startUndo(saga, { code: refusal.code, hook: null, text: refusal.message })
      : { ...saga, isAdmitted: true };
  }
  if (before.state === "running" && saga.state === "undoing") await refuse(tx, saga, edge.nowMs);
  return saveSaga(tx, saga, pauseMs, { steadyMs: edge.steadyMs, wallMs: edge.nowMs });
}

/** @returns why it cannot happen any more, as a value */
async function admit(tx: Tx, saga: Saga, edge: ProvisioningEdge): Promise<AgentError | null> {
  const { serial, person, facts } = saga;
  const device = await needDevice(tx, serial);
  if (device.provisioning !== saga.id) {
    const text = `device ${serial}: expected it to wait for ${saga.id}, it does not any more`;
    return new AgentError(AgentCode.ProvisioningStateWrong, text);
  }
  const free: DeviceRecord = { ...device, provisioning: null };
  await tx.putDevice(free);
  if (saga.event !== "decommission") {
    await admitClaim(tx, free, person, edge.nowMs);
    return null;
  }
  const mode = Number(
    Object.keys(wipeModeNames).find((one) => wipeModeNames[Number(one)] === facts.mode),
  );
  try {
    await decommission(tx, { serial, mode, person }, edge);
    return null;
  } catch (error) {
    if (error instanceof AgentError) return error;
    throw error;
  }
}

async function refuse(tx: Tx, saga: Saga, nowMs: number): Promise<void> {
  const { id, serial, event } = saga;
  const { code, hook, text } = saga.refusal!;
  const device = await needDevice(tx, serial);
  if (device.provisioning === id) {
    const free: DeviceRecord = { ...device, provisioning: null };
    await tx.putDevice(event === "decommission" ? free : freeClaim(free));
  }
  await tx.appendEvent(
    { kind: "provisioningRefused", serial, code, text: `${text}.`, data: { id, event, hook } },
    nowMs,
  );
}

async function tellFailure(tx: Tx, saga: Saga, call: Call, nowMs: number): Promise<void> {
  const { id, serial, event } = saga;
  const step = saga.steps[call.at]!;
  const isUndo = call.action === "compensate";
  if (isUndo ? step.undo !== "failed" : step.state !== "failed") return;
  const what = isUndo ? `could not take back the ${event}` : `failed for the ${event}`;
  await tx.appendEvent(
    {
      ...{ kind: "hookFailed", serial, code: AgentCode.HookFailed },
      text: `Hook ${step.name} ${what} of ${serial} in ${step.attempts} attempts: ${step.error}.`,
      data: { id, hook: step.name, action: call.action, attempts: step.attempts },
    },
    nowMs,
  );
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
