/** Tells the systems that bill that a device's service has ended: in the transaction that orders it, whether the device
 *  can be reached or not. */
import type { Tx } from "../storage/store.ts";
import { enqueue } from "./outbox/outbox.ts";
import type { DeviceRecord } from "./records.ts";

/** Who is told, and when it is. */
export interface BillingEdge {
  nowMs: number;
  /** the listening clock, for the outbox */
  steadyMs: number;
  /** names of the outputs that take what is about billing */
  outputs: readonly string[];
}

/** Notes the end of billing and puts `billing.stop` into the outbox, once for each output.
 *  @param device as it was in service; its owner's entitlement already has its end
 *  @param order.mode resale, return or scrap */
export async function stopBilling(
  tx: Tx,
  device: DeviceRecord,
  order: { orderId: number; mode: string; person: string },
  edge: BillingEdge,
): Promise<void> {
  const { serial, account, entitlement = null } = device;
  const { orderId, person } = order;
  const text = `Billing of ${serial} for ${account ?? "an owner that is not named"} stopped: ${person} decommissioned it.`;
  const data = { account, person, orderId };
  await tx.appendEvent({ kind: "billingStopped", serial, text, data }, edge.nowMs);
  const kind = "billing.stop";
  const { model, batch } = device.birth;
  const body = {
    ...{ kind, subject: `${serial}: billing stopped`, text },
    ...{ serial, model, batch, account, entitlement, ...order, atMs: edge.nowMs },
  };
  const now = { steadyMs: edge.steadyMs, wallMs: edge.nowMs };
  for (const output of edge.outputs) await enqueue(tx, { output, kind, stream: serial, body }, now);
}
