import { Code } from "../../firmware/protocol/errors.ts";
import {
  type CloudMessage,
  encodeCloudMessage,
} from "../../firmware/protocol/host/cloudMessages.ts";
import {
  type CheckInInfo,
  type DeviceEvent,
  type DeviceMessage,
  decodeDeviceMessage,
  type Fetch,
  type OrderResult,
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
  encodeReceiptAck,
  type Hello,
  proveMacIsRight,
} from "../../firmware/protocol/host/handshake.ts";
import {
  commitMac,
  deviceKeyAt,
  ownerKey,
  possessionProof,
  sha256,
  t16,
} from "../../firmware/protocol/host/kdf.ts";
import { openReceipt } from "../../firmware/protocol/host/receipt.ts";
import { Lifecycle, Msg, SlotState, WipeMode } from "../../firmware/protocol/messages.ts";
import type { KeySetOffer } from "./keySets.ts";
import type { Material, Release } from "./material.ts";
import { fetchKeySet, type Served, serve } from "./serving.ts";

/** What the cloud knows and wants: plain data, forked with the flash at a cut. */
export interface PeerState {
  lifecycle: Lifecycle;
  epoch: number;
  grantPending: boolean;
  session: { keys: SessionKeys; epoch: number; received: number; sent: number } | null;
  /** boot and handshake count of the last PROVE */
  counts: [number, number];
  nonces: string[];
  offer: "raising" | "gentle" | "bad" | null;
  /** the key set that it is to have */
  keys: "first" | "now" | "later" | null;
  /** what the device has told of it */
  keysTold: "nothing" | "offered" | "taken";
  /** how payloads go to a device that can unpack */
  coding: Served;
  revertTo: number | null;
  settings: [revision: number, values: Record<string, number>] | null;
  wipe: "scrap" | "resale" | null;
  /** a command of the app: the code that the device answered, and the one that its journal had after a cut */
  command: { id: number; told: number | null; begun: number | null } | null;
  /** the last check-in since the device was last switched on */
  checkIn: CheckInInfo | null;
  /** hex of the first receipt's body: there must be no other, or its one-time key would be spent twice */
  receipt: string | null;
  /** what no device in order says; each is a bad outcome */
  faults: string[];
}

/** Seconds between check-ins: short, so that little time has to be played. */
const checkInS = 30;
const orderId = 7;
const fill = (n: number, byte: number) => new Uint8Array(n).fill(byte);
const claimId = fill(8, 0xc1);
const wipeNonce = fill(16, 0x3e);
const ackToken = fill(16, 0xa4);
const hex = (b: Uint8Array) => Buffer.from(b).toString("hex");

export const freshPeer = (): PeerState => ({
  lifecycle: Lifecycle.Released,
  epoch: 0,
  grantPending: false,
  session: null,
  counts: [0, 0],
  nonces: [],
  offer: null,
  keys: null,
  keysTold: "nothing",
  coding: "plain",
  revertTo: null,
  settings: null,
  wipe: null,
  command: null,
  checkIn: null,
  receipt: null,
  faults: [],
});

/** A state of its own with the same contents: what the peer changes in place is copied, the rest is replaced as a whole. */
export const clonePeer = (state: PeerState): PeerState => ({
  ...state,
  session: state.session && { ...state.session },
  nonces: state.nonces.slice(),
  faults: state.faults.slice(),
});

/** What a material's peers compute again and again for the same input. */
interface Known {
  keys: Map<number, Uint8Array>;
  receipts: Map<string, ReturnType<typeof openReceipt>>;
}
const known = new WeakMap<Material, Known>();
const receiptsMax = 50;

/** A cloud for one device, in process and without a store. It decides as the agent does (cloud-agent/session) and keeps
 *  on ordering until the device has told that it is done. */
export class Peer {
  state: PeerState;
  /** set by the carrier */
  send: (bytes: Uint8Array) => void = () => undefined;
  /** told of each message in a frame, for who looks on */
  seen: (message: CloudMessage | DeviceMessage) => void = () => undefined;
  readonly #material: Material;
  readonly #nowMs: () => number;
  readonly #known: Known;

  constructor(material: Material, state: PeerState, nowMs: () => number) {
    this.#material = material;
    this.#known = known.get(material) ?? { keys: new Map(), receipts: new Map() };
    known.set(material, this.#known);
    this.#nowMs = nowMs;
    this.state = clonePeer(state);
  }

  /** Takes one message of the device. */
  receive(bytes: Uint8Array): void {
    if (bytes[0] === Msg.Frame) this.#frame(bytes);
    else if (bytes[1] === Msg.Hello) this.#hello(bytes);
    else if (bytes[1] === Msg.Prove) this.#prove(bytes);
    else if (bytes[1] === Msg.Receipt) this.#receipt(bytes);
    else this.#fault(`message ${bytes[1]} of a kind that a device does not send`);
  }

  #fault(text: string): void {
    this.state.faults.push(text);
  }

  #key(epoch: number): Uint8Array {
    const { keys } = this.#known;
    let key = keys.get(epoch);
    if (!key) keys.set(epoch, (key = this.#makeKey(epoch)));
    return key;
  }

  #makeKey(epoch: number): Uint8Array {
    return deviceKeyAt(this.#material.km, this.#material.birth.record, epoch);
  }

  /** True for an epoch that this cloud accepts now: the one on record, or the one of a grant that waits. */
  accepts(epoch: number): boolean {
    const { state } = this;
    return epoch === state.epoch || (state.grantPending && epoch === state.epoch + 1);
  }

  #accepted(hello: Hello): boolean {
    if (hello.serial !== this.#material.birth.record.serial) {
      this.#fault(`serial ${hello.serial}`);
      return false;
    }
    if (this.accepts(hello.epoch)) return true;
    this.#fault(`epoch: expected ${this.state.epoch}, got ${hello.epoch}`);
    return false;
  }

  #hello(bytes: Uint8Array): void {
    const hello = decodeHello(bytes);
    if (!this.#accepted(hello)) return;
    const nd = hex(hello.nd);
    if (this.state.nonces.includes(nd)) this.#fault("a nonce came again");
    this.state.nonces.push(nd);
    const timeS = Math.floor(this.#nowMs() / 1000);
    const body = encodeChalBody({ nc: fill(16, 0x11), timeS, state: this.state.lifecycle });
    this.send(encodeChal(this.#key(hello.epoch), bytes, body));
  }

  #prove(bytes: Uint8Array): void {
    const { state } = this;
    const prove = decodeProve(bytes);
    const hello = decodeHello(prove.hello);
    if (!this.#accepted(hello)) return;
    const dk = this.#key(hello.epoch);
    if (!proveMacIsRight(dk, prove)) {
      this.#fault("PROVE by another key");
      return;
    }
    const [boots, handshakes] = state.counts;
    const isLater =
      hello.bootCount > boots || (hello.bootCount === boots && hello.handshakeCount > handshakes);
    if (!isLater) this.#fault(`boot count: expected above ${boots}, got ${hello.bootCount}`);
    state.counts = [hello.bootCount, hello.handshakeCount];
    const keys = sessionKeys(dk, hello.suite, prove.hello, prove.chalBody);
    const frame = openFrame(keys, "up", prove.frame);
    if (!frame) {
      this.#fault("PROVE with a frame of another session");
      return;
    }
    state.session = { keys, epoch: hello.epoch, received: frame.counter, sent: 0 };
    if (hello.epoch !== state.epoch) this.#committed();
    else if (state.lifecycle === Lifecycle.ClaimPending && prove.pop) {
      const wanted = possessionProof(this.#material.birth.identity.popKey, hello.nd);
      if (hex(wanted) === hex(prove.pop)) state.grantPending = true;
      else this.#fault("possession proof of another code");
    }
    this.#message(decodeDeviceMessage(frame.message));
  }

  #frame(bytes: Uint8Array): void {
    const { session } = this.state;
    const frame = session && openFrame(session.keys, "up", bytes);
    // After a restart the device cannot have a session, so a frame of none is one that was on its way.
    if (!session || !frame) return;
    if (frame.counter <= session.received) {
      this.#fault("a frame counter came again");
      return;
    }
    session.received = frame.counter;
    this.#message(decodeDeviceMessage(frame.message));
  }

  #say(message: CloudMessage): void {
    const { session } = this.state;
    if (!session) return;
    this.seen(message);
    this.send(sealFrame(session.keys, "down", session.sent++, encodeCloudMessage(message)));
  }

  #message(message: DeviceMessage): void {
    this.seen(message);
    if (message.kind === "checkIn") {
      this.state.checkIn = message.info;
      this.#contact();
    } else if (message.kind === "fetch") this.#fetched(message);
    else if (message.kind === "event") this.#told(message);
    else if (message.kind === "orderResult") this.#answered(message);
    else if (message.kind === "commit") {
      const { serial } = this.#material.birth.record;
      const epoch = this.state.grantPending ? this.state.epoch + 1 : this.state.epoch;
      const right = commitMac(this.#key(epoch), serial, claimId);
      if (hex(message.mac) !== hex(right)) {
        this.#fault("COMMIT by another key");
        return;
      }
      if (this.state.grantPending) this.#committed();
      this.#say({ kind: "ack", claimId });
    }
  }

  #committed(): void {
    this.state.epoch++;
    this.state.grantPending = false;
    this.state.lifecycle = Lifecycle.Operating;
  }

  get #offer(): Release | null {
    return this.state.offer && this.#material[this.state.offer];
  }

  /** A device in order takes what it is offered. */
  #told({ code, text, sequence }: DeviceEvent): void {
    if (text !== "keys") return;
    if (code === Code.KeySetTaken) this.state.keysTold = "taken";
    else this.#fault(`key set ${sequence} refused with code ${code}`);
  }

  /** What was begun before a cut is answered as its record says, and so it did not run again. */
  #answered({ orderId: id, code }: OrderResult): void {
    const { command } = this.state;
    if (command?.id !== id) return;
    const known = command.told ?? command.begun;
    if (known !== null && code !== known)
      this.#fault(`command ${id} answered by ${code} after ${known}`);
    this.state.command = { ...command, told: code };
  }

  get #keySet(): KeySetOffer | null {
    return this.state.keys && this.#material.keySets[this.state.keys];
  }

  /** The key set that is offered at this contact. */
  #keysFor({ keySetVersion, slotState }: CheckInInfo): KeySetOffer | null {
    const set = this.#keySet;
    const mayTake = this.state.keysTold !== "taken" && slotState !== SlotState.Recovery;
    return set && mayTake && keySetVersion < set.version ? set : null;
  }

  /** What every check-in is answered with: REPLY, then whatever waits. */
  #contact(): void {
    const { state } = this;
    const info = state.checkIn!;
    const release = this.#offer;
    const keySet = this.#keysFor(info);
    // The first contact after a key set is for the key set alone: a device fetches one thing at a time.
    const isNewKeySet = keySet !== null && state.keysTold === "nothing";
    if (keySet) state.keysTold = "offered";
    const isOffered =
      release !== null &&
      !isNewKeySet &&
      release.sequence > info.runningSequence &&
      info.failed?.sequence !== release.sequence;
    const offer = isOffered
      ? { sequence: release.sequence, manifestBytes: release.envelope.length }
      : null;
    this.#say({ kind: "reply", timeS: Math.floor(this.#nowMs() / 1000), checkInS, offer });
    if (keySet) this.#say({ kind: "keys", version: keySet.version, lengths: keySet.lengths });
    if (state.grantPending && state.session?.epoch === state.epoch) this.#grant();
    // The device holds the key of a commit whose ACK it may have missed.
    else if (state.lifecycle === Lifecycle.Operating && info.lifecycle !== Lifecycle.Operating)
      this.#say({ kind: "ack", claimId });
    if (state.revertTo !== null && info.runningSequence !== state.revertTo)
      this.#say({ kind: "revert", orderId, toSequence: state.revertTo });
    if (state.settings && info.settingsRevision < state.settings[0])
      this.#say({ kind: "settings", revision: state.settings[0], values: state.settings[1] });
    if (state.command && state.command.told === null) {
      const untilS = Math.floor(this.#nowMs() / 1000) + 600;
      const { id } = state.command;
      this.#say({ kind: "command", orderId: id, untilS, name: "beat", argument: null });
    }
    if (state.wipe) this.#wipe(state.wipe);
  }

  #grant(): void {
    const epoch = this.state.epoch + 1;
    const { km, birth } = this.#material;
    const owner = ownerKey(km, birth.record.serial, epoch);
    const key = this.#key(epoch);
    this.#say({ kind: "grant", claimId, epoch, deviceKey: key, ownerKey: owner, checkInS });
  }

  #wipe(kind: "scrap" | "resale"): void {
    this.#say({
      kind: "wipe",
      orderId,
      mode: kind === "scrap" ? WipeMode.Scrap : WipeMode.Resale,
      nonce: wipeNonce,
      ackHash: t16(sha256(ackToken)),
      nextKey: kind === "scrap" ? null : this.#key(this.state.epoch + 1),
    });
  }

  #fetched(fetch: Fetch): void {
    const { what, sequence, offset } = fetch;
    const isOfKeys = what === fetchKeySet;
    const offer = isOfKeys ? this.#keySet : this.#offer;
    const number = isOfKeys ? this.#keySet?.version : this.#offer?.sequence;
    if (!offer || number !== sequence) {
      this.#fault(`FETCH of kind ${what} and number ${sequence}`);
      return;
    }
    const piece = serve(offer, fetch, this.#material.images, this.state);
    this.#say({ kind: "block", sequence, offset, ...piece });
  }

  #receipt(bytes: Uint8Array): void {
    const { body, signature } = decodeReceipt(bytes);
    const receipt = this.#openReceipt(body, signature);
    if (!receipt || receipt.orderId !== orderId) {
      this.#fault("a receipt that is not right");
      return;
    }
    if (this.state.receipt !== null && this.state.receipt !== hex(body))
      this.#fault("a second receipt by the one-time key");
    if (this.state.receipt === null && this.state.wipe === "resale") this.#sold();
    this.state.receipt = hex(body);
    this.send(encodeReceiptAck(ackToken));
  }

  #openReceipt(body: Uint8Array, signature: Uint8Array): ReturnType<typeof openReceipt> {
    const { receipts } = this.#known;
    const key = Buffer.concat([body, signature]).toString("latin1");
    let receipt = receipts.get(key);
    if (receipt === undefined) {
      const { receiptPublic } = this.#material.birth.record;
      receipt = openReceipt(new Uint8Array(Buffer.from(receiptPublic, "hex")), body, signature);
      if (receipts.size >= receiptsMax) receipts.clear();
      receipts.set(key, receipt);
    }
    return receipt;
  }

  /** The old owner is out, and a new one already waits at the claim page. */
  #sold(): void {
    this.state.wipe = null;
    this.state.settings = null;
    this.state.epoch++;
    this.state.lifecycle = Lifecycle.ClaimPending;
  }
}
