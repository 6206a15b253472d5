/** Orders to one device: wipe, revert, labels. An order is a wish; only the device's answer makes it a fact. */
import { Code } from "../../firmware/protocol/errors.ts";
import { Lifecycle, WipeMode } from "../../firmware/protocol/messages.ts";
import type { Tx } from "../storage/store.ts";
import { type BillingEdge, stopBilling } from "./billing.ts";
import { AgentCode, AgentError } from "./errors.ts";
import { tagsMax } from "./limits.ts";
import { endOwnership } from "./ownership.ts";
import type { Random } from "./ports.ts";
import type { DeviceRecord } from "./records.ts";
import { isZone } from "./rollout/zone.ts";

export interface Edge {
  random: Random;
  nowMs: number;
}

/** Modes of a wipe, in words. */
export const wipeModeNames: Record<number, string> = {
  [WipeMode.Resale]: "resale",
  [WipeMode.Return]: "return",
  [WipeMode.Scrap]: "scrap",
};

/** Ends a device's service in two phases: billing stops at once, the device is wiped when it is reached, and only its
 *  receipt retires it. The same order again returns the first one.
 *  @param edge.outputs are told `billing.stop` in this transaction; left out: none
 *  @throws AgentError UnknownDevice, DeviceRetired, DeviceNotOperating, WipeAlreadyOrdered */
export async function decommission(
  tx: Tx,
  request: { serial: string; mode: number; person: string },
  edge: Edge & Partial<Pick<BillingEdge, "outputs" | "steadyMs">>,
): Promise<DeviceRecord> {
  const { serial, mode, person } = request;
  const { outputs = [], steadyMs = edge.nowMs } = edge;
  const device = await needDevice(tx, serial);
  if (isWipeOrdered(device, mode)) return device;
  const orderId = newOrderId(edge.random);
  const wiping: DeviceRecord = {
    ...endOwnership(device, edge.nowMs),
    lifecycle: Lifecycle.Wiping,
    order: {
      kind: "wipe",
      orderId,
      mode,
      nonce: hex(edge.random.bytes(16)),
      ackToken: hex(edge.random.bytes(16)),
      createdMs: edge.nowMs,
      acceptedMs: null,
    },
  };
  await tx.putDevice(wiping);
  const order = { orderId, mode: wipeModeNames[mode]!, person };
  await stopBilling(tx, wiping, order, { nowMs: edge.nowMs, outputs, steadyMs });
  await tx.appendEvent(
    {
      kind: "wipeOrdered",
      serial,
      text: `${person} ordered ${serial} to be wiped for ${wipeModeNames[mode]}.`,
      data: { mode, orderId, person },
    },
    edge.nowMs,
  );
  return wiping;
}

/** Judges a decommission. Pure.
 *  @returns true when this very order stands already
 *  @throws AgentError DeviceRetired, DeviceNotOperating, WipeAlreadyOrdered */
export function isWipeOrdered(device: DeviceRecord, mode: number): boolean {
  const { serial } = device;
  if (device.lifecycle === Lifecycle.Retired) {
    throw new AgentError(Code.DeviceRetired, `device ${serial}: it was already wiped`);
  }
  if (device.lifecycle === Lifecycle.Wiping && device.order?.kind === "wipe") {
    if (device.order.mode === mode) return true;
    throw new AgentError(
      AgentCode.WipeAlreadyOrdered,
      `device ${serial}: order ${device.order.orderId} wipes it for ${wipeModeNames[device.order.mode]}`,
    );
  }
  // A granted claim counts: the device may hold the new owner's key although its COMMIT was lost.
  const isGranted = device.lifecycle === Lifecycle.ClaimPending && device.grantPending;
  const isInService =
    device.lifecycle === Lifecycle.Operating || device.lifecycle === Lifecycle.Maintenance;
  if (!isInService && !isGranted) {
    throw new AgentError(
      AgentCode.DeviceNotOperating,
      `device ${serial}: only a claimed device can be decommissioned`,
    );
  }
  return false;
}

/** Orders a device back to the image in its other slot.
 *  @param toSequence omitted: whatever the other slot holds
 *  @throws AgentError UnknownDevice, DeviceNotOperating, OrderPending, RevertNoSlot, RevertBelowFloor */
export async function orderRevert(
  tx: Tx,
  request: { serial: string; toSequence?: number; person: string },
  edge: Edge,
): Promise<DeviceRecord> {
  const { serial, person } = request;
  const device = await needOperating(tx, serial);
  const toSequence = request.toSequence ?? device.otherSequence;
  if (device.order) {
    if (device.order.kind === "revert" && device.order.toSequence === toSequence) return device;
    throw new AgentError(
      AgentCode.OrderPending,
      `device ${serial}: order ${device.order.orderId} (${device.order.kind}) is not answered yet`,
    );
  }
  if (!device.otherValid || device.otherSequence !== toSequence) {
    throw new AgentError(
      Code.RevertNoSlot,
      `device ${serial}: expected sequence ${toSequence} in the other slot, it reports ` +
        (device.otherValid ? `${device.otherSequence}` : "no valid image"),
    );
  }
  if (toSequence < device.floor) {
    throw new AgentError(
      Code.RevertBelowFloor,
      `device ${serial}: its floor is ${device.floor}, sequence ${toSequence} is below`,
    );
  }
  const orderId = newOrderId(edge.random);
  const ordered: DeviceRecord = {
    ...device,
    order: { kind: "revert", orderId, toSequence, createdMs: edge.nowMs },
  };
  await tx.putDevice(ordered);
  await tx.appendEvent(
    {
      kind: "revertOrdered",
      serial,
      sequence: toSequence,
      text: `${person} ordered ${serial} back to release ${toSequence}.`,
      data: { orderId, fromSequence: device.runningSequence, person },
    },
    edge.nowMs,
  );
  return ordered;
}

export interface Labels {
  group?: string | null;
  site?: string | null;
  tags?: string[];
  /** beside those that it has, or that `tags` gives */
  addTags?: string[];
  removeTags?: string[];
  /** IANA name or "+02:00": its nights and windows are there */
  timeZone?: string | null;
  /** seconds between check-ins that the device is asked to keep */
  checkInS?: number;
}

/** Changes what the fleet's people call a device. What is left out stays.
 *  @throws AgentError UnknownDevice, RequestInvalid */
export async function relabel(
  tx: Tx,
  request: { serial: string; labels: Labels; person: string },
  nowMs: number,
): Promise<DeviceRecord> {
  const device = await needDevice(tx, request.serial);
  const { timeZone } = request.labels;
  if (typeof timeZone === "string" && !isZone(timeZone)) {
    throw new AgentError(
      AgentCode.RequestInvalid,
      `device ${device.serial}: expected a time zone like Europe/Berlin or +02:00, got "${timeZone}"`,
    );
  }
  const { addTags = [], removeTags = [], ...given } = request.labels;
  const tags = [...new Set([...(given.tags ?? device.tags), ...addTags])];
  const kept = tags.filter((tag) => !removeTags.includes(tag));
  if (kept.length > tagsMax) {
    const found = `expected at most ${tagsMax} tags, got ${kept.length}`;
    throw new AgentError(AgentCode.RequestInvalid, `device ${device.serial}: ${found}`);
  }
  const labelled: DeviceRecord = { ...device, ...given, tags: kept };
  await tx.putDevice(labelled);
  await tx.appendEvent(
    {
      kind: "labelsChanged",
      serial: device.serial,
      text: `${request.person} changed ${Object.keys(request.labels).join(", ")} of ${device.serial}.`,
      data: { ...request.labels, person: request.person },
    },
    nowMs,
  );
  return labelled;
}

/** @throws AgentError UnknownDevice */
export async function needDevice(tx: Tx, serial: string): Promise<DeviceRecord> {
  const device = await tx.device(serial);
  if (device) return device;
  throw new AgentError(Code.UnknownDevice, `device ${serial}: no birth is registered`);
}

export async function needOperating(tx: Tx, serial: string): Promise<DeviceRecord> {
  const device = await needDevice(tx, serial);
  switch (device.lifecycle) {
    case Lifecycle.Operating:
    case Lifecycle.Maintenance:
      return device;
    case Lifecycle.Wiping:
      throw new AgentError(Code.DeviceWiping, `device ${serial}: its wipe has not ended`);
    case Lifecycle.Retired:
      throw new AgentError(Code.DeviceRetired, `device ${serial}: it was wiped`);
    default:
      throw new AgentError(AgentCode.DeviceNotOperating, `device ${serial}: nobody has claimed it`);
  }
}

/** Non-zero, so that "no order" can never look like one on the wire. */
export function newOrderId(random: Random): number {
  const bytes = random.bytes(4);
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0) || 1;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
