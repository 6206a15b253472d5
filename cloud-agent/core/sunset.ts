/** Sunset: devices are sent into local mode for good, or called back from it. An order like a revert: a wish until the
 *  device tells its effect. */
import { Lifecycle } from "../../firmware/protocol/messages.ts";
import type { Tx } from "../storage/store.ts";
import { AgentCode, AgentError } from "./errors.ts";
import { type Edge, needOperating, newOrderId } from "./lifecycle.ts";
import type { DeviceRecord } from "./records.ts";

/** Orders one device into local mode for good, or back. What it already does, or is ordered to do, changes nothing.
 *  @param request.isOn true: go on alone; false: come back
 *  @throws AgentError UnknownDevice, DeviceNotOperating, DeviceWiping, DeviceRetired, OrderPending */
export async function orderSunset(
  tx: Tx,
  request: { serial: string; isOn: boolean; person: string },
  edge: Edge,
): Promise<DeviceRecord> {
  const { serial, isOn, person } = request;
  const device = await needOperating(tx, serial);
  const { order } = device;
  if (order) {
    if (order.kind === "sunset" && order.isOn === isOn) return device;
    throw new AgentError(
      AgentCode.OrderPending,
      `device ${serial}: order ${order.orderId} (${order.kind}) is not answered yet`,
    );
  }
  if (Boolean(device.isSunset) === isOn) return device;
  const orderId = newOrderId(edge.random);
  const ordered: DeviceRecord = {
    ...device,
    order: { kind: "sunset", orderId, isOn, createdMs: edge.nowMs },
  };
  await tx.putDevice(ordered);
  await tx.appendEvent(
    {
      kind: isOn ? "sunsetOrdered" : "sunsetEndOrdered",
      serial,
      text: isOn
        ? `${person} ordered ${serial} to go on alone, without this agent.`
        : `${person} ordered ${serial} back from going on alone.`,
      data: { orderId, person },
    },
    edge.nowMs,
  );
  return ordered;
}

/** What became of the devices of one model. */
export interface SunsetCount {
  /** serials that got an order now */
  ordered: string[];
  /** already there, or ordered before */
  unchanged: number;
  /** serials whose other order is not answered yet: ask again later */
  pending: string[];
}

/** The same for all devices of a model that somebody has claimed, in one page by serial.
 *  @returns what became of them, and where the next page begins; null after the last */
export async function orderModelSunset(
  tx: Tx,
  request: { model: string; isOn: boolean; person: string; after?: string; limit: number },
  edge: Edge,
): Promise<SunsetCount & { next: string | null }> {
  const { model, isOn, person, after, limit } = request;
  const page = await tx.devices({ after, limit });
  const found: SunsetCount = { ordered: [], unchanged: 0, pending: [] };
  for (const { serial, birth, lifecycle, order, isSunset } of page) {
    const isInUse = lifecycle === Lifecycle.Operating || lifecycle === Lifecycle.Maintenance;
    if (birth.model !== model || !isInUse) continue;
    const isOrdered = order?.kind === "sunset" && order.isOn === isOn;
    if (order && !isOrdered) found.pending.push(serial);
    else if (isOrdered || Boolean(isSunset) === isOn) found.unchanged++;
    else {
      await orderSunset(tx, { serial, isOn, person }, edge);
      found.ordered.push(serial);
    }
  }
  return { ...found, next: page.length < limit ? null : page[page.length - 1]!.serial };
}
