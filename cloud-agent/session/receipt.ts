import { timingSafeEqual } from "node:crypto";
import { Code } from "../../firmware/protocol/errors.ts";
import { decodeReceipt, encodeReceiptAck } from "../../firmware/protocol/host/handshake.ts";
import { openReceipt } from "../../firmware/protocol/host/receipt.ts";
import { WipeMode } from "../../firmware/protocol/messages.ts";
import type { VerifiedReceipt } from "../core/ports.ts";
import { Refusal, type Step, unhex } from "./context.ts";

/** Takes a wipe receipt: the signature is the device's one-time receipt key, which nobody else has, so it needs no session.
 *  @returns RECEIPT-ACK, also for a repeat; certifying happens once
 *  @throws Refusal FrameMac for a wrong signature, UnknownDevice, MessageMalformed when it answers no order of ours */
export async function takeReceipt(step: Step): Promise<Uint8Array[]> {
  const { tx, incoming, ports } = step;
  const { serial, body, signature } = decodeReceipt(incoming.bytes);
  if (incoming.serialHint !== null && incoming.serialHint !== serial) {
    throw new Refusal(Code.TopicForbidden, "RECEIPT names another device than its topic");
  }
  const device = await tx.device(serial);
  if (!device) throw new Refusal(Code.UnknownDevice, "birth is not known here yet");
  const opened = openReceipt(unhex(device.birth.receiptPublic), body, signature);
  if (!opened) {
    const options = { serial, isRecorded: true };
    throw new Refusal(Code.FrameMac, "RECEIPT is not signed by this device's receipt key", options);
  }
  if (opened.serial !== serial) {
    throw new Refusal(Code.MessageMalformed, "RECEIPT: its signed body names another device", {
      serial,
    });
  }
  const coverage: VerifiedReceipt["coverage"] = opened.coverage.map((region) => [
    region.name,
    region.pages,
    region.hash,
  ]);
  const receipt = { ...opened, coverage, body, signature };
  const { order, endedWipe } = device;
  if (order?.kind === "wipe" && isAnswer(receipt, order)) {
    const ended = (await ports.certify(tx, device, receipt)).device;
    // The order gave the device the key of its next epoch; a scrapped one has none.
    if (receipt.mode !== WipeMode.Scrap && ended.epoch <= receipt.epoch) {
      await tx.putDevice({ ...ended, epoch: receipt.epoch + 1 });
    }
    return [encodeReceiptAck(unhex(order.ackToken))];
  }
  // Claimed again before the acknowledgement arrived: the certificate exists, only the answer is missing.
  if (endedWipe && isAnswer(receipt, endedWipe)) {
    return [encodeReceiptAck(unhex(endedWipe.ackToken))];
  }
  const text = "RECEIPT answers no wipe order of this agent";
  throw new Refusal(Code.MessageMalformed, text, { serial, isRecorded: true });
}

function isAnswer(
  receipt: { orderId: number; mode: number; nonce: Uint8Array },
  order: { orderId: number; mode: number; nonce: string },
): boolean {
  return (
    receipt.orderId === order.orderId &&
    receipt.mode === order.mode &&
    timingSafeEqual(receipt.nonce, unhex(order.nonce))
  );
}
