import { timingSafeEqual } from "node:crypto";
import { Code } from "../../firmware/protocol/errors.ts";
import type { CborDecoded } from "../../firmware/protocol/host/cbor.ts";
import { CodedError } from "../../firmware/protocol/host/codedError.ts";
import { decodeReceipt, encodeReceiptAck } from "../../firmware/protocol/host/handshake.ts";
import { otsCandidate } from "../../firmware/protocol/host/lms/index.ts";
import { otsN24W4, otsParameters } from "../../firmware/protocol/host/lms/parameters.ts";
import {
  wireArray,
  wireBytes,
  wireSerial,
  wireText,
  wireUint,
} from "../../firmware/protocol/host/wire.ts";
import type { VerifiedReceipt } from "../core/ports.ts";
import { Refusal, type Step, unhex } from "./context.ts";

/** Regions a receipt may list: pages of the largest board's plan, each alone. */
const coverageMax = 64;

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
  const receiptPublic = unhex(device.birth.receiptPublic);
  if (!receiptSignatureIsRight(receiptPublic, body, signature)) {
    const options = { serial, isRecorded: true };
    throw new Refusal(Code.FrameMac, "RECEIPT is not signed by this device's receipt key", options);
  }
  const receipt = { ...decodeReceiptBody(body, serial), body, signature };
  const { order, endedWipe } = device;
  if (order?.kind === "wipe" && isAnswer(receipt, order)) {
    await ports.certify(tx, device, receipt);
    return [encodeReceiptAck(unhex(order.ackToken))];
  }
  // Claimed again before the acknowledgement arrived: the certificate exists, only the answer is missing.
  if (endedWipe && isAnswer(receipt, endedWipe)) {
    return [encodeReceiptAck(unhex(endedWipe.ackToken))];
  }
  const text = "RECEIPT answers no wipe order of this agent";
  throw new Refusal(Code.MessageMalformed, text, { serial, isRecorded: true });
}

/** Decodes the signed body of a receipt.
 *  @throws CodedError MessageMalformed, also when it names another device
 *  Source: SPEC.md §7 */
export function decodeReceiptBody(
  body: Uint8Array,
  serial: string,
): Omit<VerifiedReceipt, "body" | "signature"> & { nonce: Uint8Array } {
  const items = wireArray("receipt", body);
  if (items.length !== 9 || items[0] !== 1 || wireSerial("receipt serial", items[1]) !== serial) {
    throw new CodedError(Code.MessageMalformed, "receipt: expected version 1 of this device");
  }
  const coverage = items[8];
  if (!Array.isArray(coverage) || coverage.length > coverageMax) {
    throw new CodedError(Code.MessageMalformed, `receipt: at most ${coverageMax} regions`);
  }
  return {
    orderId: wireUint("receipt order", items[2]),
    mode: wireUint("receipt mode", items[3], 3),
    nonce: wireBytes("receipt nonce", items[4], 16),
    epoch: wireUint("receipt epoch", items[5]),
    bootCount: wireUint("receipt boot count", items[6]),
    timeS: wireUint("receipt time", items[7]),
    coverage: coverage.map(readRegion),
  };
}

function readRegion(region: CborDecoded): [name: string, pages: number, hash: Uint8Array] {
  if (!Array.isArray(region) || region.length !== 3) {
    throw new CodedError(Code.MessageMalformed, "receipt: a region is [name, pages, hash]");
  }
  return [
    wireText("region name", region[0], 24),
    wireUint("region pages", region[1], 0xffff),
    wireBytes("region hash", region[2], 8),
  ];
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

function receiptSignatureIsRight(
  receiptPublic: Uint8Array,
  body: Uint8Array,
  signature: Uint8Array,
): boolean {
  const ots = otsParameters(otsN24W4);
  if (!ots || receiptPublic.length !== 48) return false;
  const view = new DataView(receiptPublic.buffer, receiptPublic.byteOffset);
  if (view.getUint32(0) !== ots.type) return false;
  const place = { identifier: receiptPublic.slice(4, 20), q: 0 };
  const candidate = otsCandidate(ots, place, body, signature);
  return candidate !== null && timingSafeEqual(candidate, receiptPublic.slice(24, 48));
}
