import {
  type CloudMessage,
  encodeCloudMessage,
} from "../../firmware/protocol/host/cloudMessages.ts";
import { PayloadCoder } from "../../firmware/protocol/host/coding.ts";
import {
  type CheckIn,
  type DeviceMessage,
  decodeDeviceMessage,
  type Fetch,
} from "../../firmware/protocol/host/deviceMessages.ts";
import {
  openFrame,
  type SessionKeys,
  sealFrame,
  sessionKeys,
} from "../../firmware/protocol/host/frames.ts";
import {
  decodeHello,
  decodeProve,
  decodeReceipt,
  encodeChal,
  encodeChalBody,
  encodeHelloWanted,
  encodeReceiptAck,
  proveMacIsRight,
} from "../../firmware/protocol/host/handshake.ts";
import { deviceKeyAt, ownerKey, sha256, t16 } from "../../firmware/protocol/host/kdf.ts";
import type { CommandValue, OrderResult } from "../../firmware/protocol/host/orderResult.ts";
import { openReceipt } from "../../firmware/protocol/host/receipt.ts";
import { Lifecycle, Msg, SlotState } from "../../firmware/protocol/messages.ts";
import type { Release, Workbench } from "./factory.ts";

/** What one check-in told, and when. */
export interface SeenCheckIn extends Omit<CheckIn, "kind" | "ignored"> {
  atMs: number;
}

const fill = (n: number, byte: number) => new Uint8Array(n).fill(byte);
const claimId = fill(8, 0xc1);
const ackToken = fill(16, 0xa4);
/** As many as a long test reads; older ones are forgotten. */
const checkInsMax = 10_000;

/** The device's cloud, in process: it owns the keys, answers as an agent does and keeps on ordering until the device has
 *  told that it is done. Nothing is stored. */
export class TestCloud {
  /** set by the carrier */
  send: (bytes: Uint8Array) => void = () => undefined;
  /** false: nothing that the device says arrives, and nothing is answered */
  isReachable = true;
  /** What becomes of each message on its way down: another one, the same, or none at all (null). For plays of attacks. */
  tamper: (message: CloudMessage) => CloudMessage | null = (message) => message;
  checkInS: number;
  lifecycle = Lifecycle.Released;
  settings: { revision: number; values: Record<string, number | string | boolean> } | null = null;
  offer: Release | null = null;
  orders: CloudMessage[] = [];
  /** text form of what the device refused or reported at once */
  readonly reports: { atMs: number; code: number; sequence: number; text: string }[] = [];
  readonly checkIns: SeenCheckIn[] = [];
  /** commands and log orders so far */
  readonly ordered: Extract<CloudMessage, { kind: "command" }>[] = [];
  /** answers to orders, code 0 = done; with what a command returned or threw, or the log */
  readonly orderResults: Omit<OrderResult, "kind">[] = [];
  receiptIsRight: boolean | null = null;
  #session: { keys: SessionKeys; received: number; sent: number } | null = null;
  #epoch = 0;
  readonly #coder = new PayloadCoder();
  readonly #bench: Workbench;
  readonly #nowMs: () => number;

  constructor(bench: Workbench, checkInS: number, nowMs: () => number) {
    this.#bench = bench;
    this.#nowMs = nowMs;
    this.checkInS = checkInS;
  }

  /** Takes one message of the device. */
  receive(bytes: Uint8Array): void {
    if (!this.isReachable) return;
    if (bytes[0] === Msg.Frame) this.#frame(bytes);
    else if (bytes[1] === Msg.Hello) this.#hello(bytes);
    else if (bytes[1] === Msg.Prove) this.#prove(bytes);
    else if (bytes[1] === Msg.Receipt) this.#receipt(bytes);
  }

  /** Says what waits now, as an agent does when somebody has ordered something. */
  nudge(): void {
    const info = this.checkIns.at(-1)?.info;
    if (!this.isReachable) return;
    if (this.#session && info && this.lifecycle !== Lifecycle.ClaimPending) this.#contact(info);
    else this.send(encodeHelloWanted());
  }

  #key(epoch: number): Uint8Array {
    return deviceKeyAt(this.#bench.km, this.#bench.birth.record, epoch);
  }

  #hello(bytes: Uint8Array): void {
    const hello = decodeHello(bytes);
    const timeS = Math.floor(this.#nowMs() / 1000);
    const body = encodeChalBody({ nc: fill(16, 0x11), timeS, state: this.lifecycle });
    this.send(encodeChal(this.#key(hello.epoch), bytes, body));
  }

  #prove(bytes: Uint8Array): void {
    const prove = decodeProve(bytes);
    const hello = decodeHello(prove.hello);
    const dk = this.#key(hello.epoch);
    if (!proveMacIsRight(dk, prove)) return;
    const keys = sessionKeys(dk, hello.suite, prove.hello, prove.chalBody);
    const frame = openFrame(keys, "up", prove.frame);
    if (!frame) return;
    this.#session = { keys, received: frame.counter, sent: 0 };
    if (hello.epoch > this.#epoch) this.#committed(hello.epoch);
    this.#message(decodeDeviceMessage(frame.message));
  }

  #frame(bytes: Uint8Array): void {
    const session = this.#session;
    const frame = session && openFrame(session.keys, "up", bytes);
    if (!session || !frame) {
      this.send(encodeHelloWanted());
      return;
    }
    if (frame.counter <= session.received) return;
    session.received = frame.counter;
    this.#message(decodeDeviceMessage(frame.message));
  }

  #say(message: CloudMessage): void {
    const session = this.#session;
    const said = session && this.tamper(message);
    if (said) this.send(sealFrame(session.keys, "down", session.sent++, encodeCloudMessage(said)));
  }

  /** Says something now, once, whatever was asked. */
  say(message: CloudMessage): void {
    this.#say(message);
  }

  #message(message: DeviceMessage): void {
    const atMs = this.#nowMs();
    if (message.kind === "checkIn") {
      const { info, values } = message;
      if (this.checkIns.push({ atMs, info, values }) > checkInsMax) this.checkIns.shift();
      this.#contact(info);
    } else if (message.kind === "fetch") this.#fetched(message);
    else if (message.kind === "commit") {
      this.#committed(this.#epoch === 0 ? 1 : this.#epoch);
      this.#say({ kind: "ack", claimId });
    } else if (message.kind === "event") {
      const { code, sequence, text } = message;
      this.reports.push({ atMs, code, sequence, text });
    } else if (message.kind === "orderResult") {
      const { kind: _, ...result } = message;
      this.orderResults.push(result);
      // An accepted wipe is over only with its receipt.
      this.orders = this.orders.filter(
        (order) =>
          order.kind === "wipe" || !("orderId" in order) || order.orderId !== message.orderId,
      );
    }
  }

  #committed(epoch: number): void {
    this.#epoch = epoch;
    if (this.lifecycle === Lifecycle.ClaimPending) this.lifecycle = Lifecycle.Operating;
  }

  /** Orders a command, or with name null the log; it is repeated until it is answered. @param forS until its end */
  order(name: string | null, argument: CommandValue, forS: number): number {
    const nowS = Math.floor(this.#nowMs() / 1000);
    const orderId = Math.max(nowS, (this.ordered.at(-1)?.orderId ?? 0) + 1);
    const order = { kind: "command", orderId, untilS: nowS + forS, name, argument } as const;
    this.ordered.push(order);
    this.orders.push(order);
    return orderId;
  }

  /** What every check-in is answered with: REPLY, then whatever waits. */
  #contact(info: CheckIn["info"]): void {
    const { offer, settings } = this;
    const isOffered =
      offer && offer.sequence > info.runningSequence && info.failed?.sequence !== offer.sequence;
    const timeS = Math.floor(this.#nowMs() / 1000);
    this.#say({
      ...{ kind: "reply", timeS, checkInS: this.checkInS },
      offer: isOffered ? { sequence: offer.sequence, manifestBytes: offer.envelope.length } : null,
    });
    if (this.lifecycle === Lifecycle.ClaimPending) this.#grant();
    else if (this.lifecycle === Lifecycle.Operating && info.lifecycle !== Lifecycle.Operating)
      this.#say({ kind: "ack", claimId });
    // The effect answers it.
    const isConfirmed = (order: CloudMessage) =>
      order.kind === "confirm" &&
      info.slotState === SlotState.Confirmed &&
      info.runningSequence === order.sequence;
    this.orders = this.orders.filter((order) => !isConfirmed(order));
    for (const order of this.orders) this.#say(order);
    if (settings && info.settingsRevision < settings.revision)
      this.#say({ kind: "settings", ...settings });
  }

  #grant(): void {
    const epoch = this.#epoch + 1;
    const owner = ownerKey(this.#bench.km, this.#bench.birth.record.serial, epoch);
    const { checkInS } = this;
    this.#say({
      ...{ kind: "grant", claimId, epoch, deviceKey: this.#key(epoch), ownerKey: owner, checkInS },
    });
  }

  #fetched({ what, sequence, offset, length }: Fetch): void {
    const { offer } = this;
    if (offer?.sequence !== sequence) return;
    const text = what === 0 ? offer.envelope : offer.payload;
    const plain = { what: what === 0 ? 0 : 1, data: text.slice(offset, offset + length) };
    const target = { bytes: text, digest: `${sequence} ${text.length}` };
    const block = what === 2 ? this.#coder.next(target, null, offset, length) : plain;
    const place = { sequence, offset, totalBytes: text.length };
    this.#say({ kind: "block", what: block.what, data: block.data, ...place });
  }

  #receipt(bytes: Uint8Array): void {
    const { body, signature } = decodeReceipt(bytes);
    const key = new Uint8Array(Buffer.from(this.#bench.birth.record.receiptPublic, "hex"));
    this.receiptIsRight = openReceipt(key, body, signature) !== null;
    if (this.receiptIsRight) this.send(encodeReceiptAck(ackToken));
  }

  /** The order that wipes the device for a mode of WipeMode. */
  wipeOrder(mode: number): CloudMessage {
    const nextKey = mode === 3 ? null : this.#key(this.#epoch + 1);
    const ackHash = t16(sha256(ackToken));
    return { kind: "wipe", orderId: 7, mode, nonce: fill(16, 0x3e), ackHash, nextKey };
  }
}
