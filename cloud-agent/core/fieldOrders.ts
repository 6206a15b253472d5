/** Orders by which a person overrules what a device would do by itself: confirm a release on trial that waits for the
 *  field, and forget that an image failed. Wishes until the device tells their effect, like a revert. */
import { Code } from "../../firmware/protocol/errors.ts";
import { SlotState } from "../../firmware/protocol/messages.ts";
import type { Tx } from "../storage/store.ts";
import { AgentCode, AgentError } from "./errors.ts";
import { type Edge, needOperating, newOrderId } from "./lifecycle.ts";
import type { DeviceOrder, DeviceRecord, NewEvent } from "./records.ts";
import { needRelease } from "./releases.ts";

/** Orders a device to confirm the release that it has on trial: somebody has looked at it in the field.
 *  @param request.sequence omitted: whatever it has on trial
 *  @throws AgentError UnknownDevice, DeviceNotOperating, DeviceWiping, DeviceRetired, OrderPending, NothingToConfirm */
export async function orderConfirm(
  tx: Tx,
  request: { serial: string; sequence?: number; person: string },
  edge: Edge,
): Promise<DeviceRecord> {
  const { serial, person } = request;
  const device = await needOperating(tx, serial);
  const sequence = request.sequence ?? device.runningSequence;
  const isSame = (order: DeviceOrder) => order.kind === "confirm" && order.sequence === sequence;
  if (isOrdered(device, isSame)) return device;
  if (device.slotState !== SlotState.Trial || device.runningSequence !== sequence) {
    const state = ["confirmed", "on trial", "in recovery"][device.slotState];
    throw new AgentError(
      Code.NothingToConfirm,
      `device ${serial}: expected release ${sequence} on trial, it reports ${device.runningSequence} (${state})`,
    );
  }
  const orderId = newOrderId(edge.random);
  const order: DeviceOrder = { kind: "confirm", orderId, sequence, createdMs: edge.nowMs };
  return placed(tx, device, order, {
    kind: "confirmOrdered",
    sequence,
    text: `${person} confirms release ${sequence} on ${serial} from the field.`,
    data: { orderId, person },
  });
}

/** Orders a device to forget that an image failed on it, so that it may be offered again.
 *  @param request.digest hex, the first 8 bytes
 *  @throws AgentError UnknownDevice, DeviceNotOperating, DeviceWiping, DeviceRetired, OrderPending, PoisonUnknown */
export async function orderClearPoison(
  tx: Tx,
  request: { serial: string; digest: string; person: string },
  edge: Edge,
): Promise<DeviceRecord> {
  const { serial, person } = request;
  const digest = request.digest.toLowerCase();
  const device = await needOperating(tx, serial);
  if (isOrdered(device, (order) => order.kind === "clearPoison" && order.digest === digest))
    return device;
  const poison = device.poison ?? [];
  if (!poison.includes(digest)) {
    throw new AgentError(
      Code.PoisonUnknown,
      `device ${serial}: expected one of ${poison.join(", ") || "no digests"}, got ${digest}`,
    );
  }
  const orderId = newOrderId(edge.random);
  const order: DeviceOrder = { kind: "clearPoison", orderId, digest, createdMs: edge.nowMs };
  return placed(tx, device, order, {
    kind: "clearPoisonOrdered",
    text: `${person} ordered ${serial} to forget that image ${digest} failed on it.`,
    data: { orderId, digest, person },
  });
}

/** Lets a release be offered again that a halted rollout has poisoned. Devices on which it failed keep their own memory of
 *  that. What is not poisoned changes nothing.
 *  @throws AgentError ReleaseNotFound */
export async function clearReleasePoison(
  tx: Tx,
  request: { sequence: number; reason: string; person: string },
  nowMs: number,
) {
  const { sequence, reason, person } = request;
  const release = await needRelease(tx, sequence);
  if (release.poisonedMs === null) return release;
  const cleared = { ...release, poisonedMs: null, poisonReason: null };
  await tx.putRelease(cleared);
  await tx.appendEvent(
    {
      kind: "releasePoisonCleared",
      sequence,
      text: `${person} cleared the poison of release ${sequence}: ${reason} (it was poisoned for: ${release.poisonReason}).`,
      data: { person, reason, poisonReason: release.poisonReason },
    },
    nowMs,
  );
  return cleared;
}

/** @returns true when this very order waits already. @throws AgentError OrderPending for another one */
function isOrdered(device: DeviceRecord, isSame: (order: DeviceOrder) => boolean): boolean {
  const { order, serial } = device;
  if (!order) return false;
  if (isSame(order)) return true;
  throw new AgentError(
    AgentCode.OrderPending,
    `device ${serial}: order ${order.orderId} (${order.kind}) is not answered yet`,
  );
}

async function placed(
  tx: Tx,
  device: DeviceRecord,
  order: DeviceOrder,
  event: NewEvent,
): Promise<DeviceRecord> {
  const ordered: DeviceRecord = { ...device, order };
  await tx.putDevice(ordered);
  await tx.appendEvent({ ...event, serial: device.serial }, order.createdMs);
  return ordered;
}
