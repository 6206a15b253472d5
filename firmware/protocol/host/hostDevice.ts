/** A device in Node: speaks the device's side of SPEC.md §4 over any carrier. For tests of agent and gateway and for field
 *  tools; it holds no flash, no image and no timer: whoever drives it says when to do what. */
import { Code } from "../errors.ts";
import { Msg, type Suite } from "../messages.ts";
import { type CloudMessage, decodeCloudMessage } from "./cloudMessages.ts";
import type { CheckInInfo, DeviceMessage } from "./deviceMessages.ts";
import { encodeDeviceMessage } from "./deviceMessages.ts";
import { openFrame, type SessionKeys, sealFrame, sessionKeys } from "./frames.ts";
import {
  type ChalBody,
  decodeReceiptAck,
  decodeRefused,
  encodeHello,
  encodeProve,
  openChal,
  protocolVersion,
} from "./handshake.ts";
import { commitMac, possessionProof } from "./kdf.ts";
import { mqttPassword } from "./mqttLogin.ts";
import { wireArray } from "./wire.ts";

export interface HostDeviceOptions {
  serial: string;
  kmId: number;
  suite: Suite;
  epoch: number;
  deviceKey: Uint8Array;
  /** null: the device gives no possession proof */
  popKey: Uint8Array | null;
  bootCount: number;
  /** random source of nonces */
  random(count: number): Uint8Array;
  /** least time the device believes, seconds since 1970; default 0 */
  timeFloorS?: number;
}

/** What came out of one message from the cloud. */
export type Heard =
  | { kind: "challenge"; body: ChalBody; prove: Uint8Array }
  | { kind: "message"; counter: number; message: CloudMessage }
  | { kind: "refused"; code: Code; retryAfterS: number }
  | { kind: "helloWanted" }
  | { kind: "receiptAck"; token: Uint8Array }
  | { kind: "ignored"; code: Code };

/** The state a device keeps between messages. */
export class HostDevice {
  readonly options: HostDeviceOptions;
  epoch: number;
  deviceKey: Uint8Array;
  ownerKey: Uint8Array | null = null;
  bootCount: number;
  handshakeCount = 0;
  timeFloorS: number;
  claimId: Uint8Array | null = null;
  claimIsAcknowledged = false;
  info: CheckInInfo;
  vitals: Record<string, number[]> = {};
  #connects = 0;
  #hello: Uint8Array | null = null;
  #keys: SessionKeys | null = null;
  #sendCounter = 0;
  #receiveCounter = -1;

  constructor(options: HostDeviceOptions) {
    this.options = options;
    this.epoch = options.epoch;
    this.deviceKey = options.deviceKey;
    this.bootCount = options.bootCount;
    this.timeFloorS = options.timeFloorS ?? 0;
    this.info = {
      ...{ runningSequence: 1, runningDigest: new Uint8Array(8), slotState: 0, floor: 0 },
      ...{ otherSequence: 0, otherValid: false, nextCheckInS: 300, resetReason: 1 },
      ...{ failed: null, download: null, lifecycle: 1, interpreter: "2v29" },
      ...{ settingsRevision: 0, keySetVersion: 1, refused: null },
      settingsRefused: {},
      joinsFailed: null,
      isSunset: false,
    };
  }

  /** True while a session is open. */
  get hasSession(): boolean {
    return this.#keys !== null;
  }

  /** Restarts: the session is gone, the boot count rises. */
  reboot(): void {
    this.bootCount++;
    this.handshakeCount = 0;
    this.#connects = 0;
    this.#hello = null;
    this.#keys = null;
  }

  /** Password of the next broker connection. */
  password(): string {
    const counter = this.bootCount * 4096 + ++this.#connects;
    return mqttPassword(this.deviceKey, this.epoch, counter);
  }

  /** Begins a handshake. @returns HELLO */
  hello(): Uint8Array {
    this.handshakeCount++;
    this.#nd = this.options.random(16);
    this.#hello = encodeHello({
      version: protocolVersion,
      suite: this.options.suite,
      serial: this.options.serial,
      epoch: this.epoch,
      nd: this.#nd,
      fw: this.info.runningDigest,
      bootCount: this.bootCount,
      handshakeCount: this.handshakeCount,
      kmId: this.options.kmId,
    });
    return this.#hello;
  }
  #nd: Uint8Array = new Uint8Array(16);

  /** Check-in with the device's present facts and vitals. */
  checkIn(): DeviceMessage {
    return { kind: "checkIn", info: this.info, values: this.vitals, ignored: [] };
  }

  /** Seals a message. @throws Error without a session */
  seal(message: DeviceMessage): Uint8Array {
    if (!this.#keys) throw new Error(`device ${this.options.serial}: no session`);
    return sealFrame(this.#keys, "up", this.#sendCounter++, encodeDeviceMessage(message));
  }

  /** Takes a GRANT: keys are replaced at once. @returns COMMIT, to be sealed in the running session */
  accept(grant: CloudMessage & { kind: "grant" }): DeviceMessage {
    if (grant.epoch === this.epoch + 1) {
      this.epoch = grant.epoch;
      this.deviceKey = grant.deviceKey;
      this.ownerKey = grant.ownerKey;
      this.claimId = grant.claimId;
      this.claimIsAcknowledged = false;
      this.info.lifecycle = 3;
    }
    return this.commit();
  }

  /** COMMIT of the newest claim, for the first time or again. @throws Error before any claim */
  commit(): DeviceMessage {
    if (!this.claimId) throw new Error(`device ${this.options.serial}: no claim`);
    const mac = commitMac(this.deviceKey, this.options.serial, this.claimId);
    return { kind: "commit", claimId: this.claimId, mac };
  }

  /** Takes what came from the cloud and opens it.
   *  @throws CodedError for malformed plain messages */
  hear(bytes: Uint8Array): Heard {
    if (bytes[0] === Msg.Frame) return this.#hearFrame(bytes);
    switch (wireArray("message", bytes)[0]) {
      case Msg.Chal:
        return this.#hearChal(bytes);
      case Msg.Refused:
        return { kind: "refused", ...decodeRefused(bytes) };
      case Msg.ReceiptAck:
        return { kind: "receiptAck", token: decodeReceiptAck(bytes) };
      case Msg.HelloWanted:
        return { kind: "helloWanted" };
      default:
        return { kind: "ignored", code: Code.MessageMalformed };
    }
  }

  #hearChal(bytes: Uint8Array): Heard {
    const hello = this.#hello;
    if (!hello) return { kind: "ignored", code: Code.ChallengeExpired };
    const { chalBody, body } = openChal(this.deviceKey, hello, bytes);
    if (body.timeS < this.timeFloorS) return { kind: "ignored", code: Code.TimeBelowFloor };
    this.timeFloorS = body.timeS;
    const keys = sessionKeys(this.deviceKey, this.options.suite, hello, chalBody);
    this.#keys = keys;
    this.#hello = null;
    this.#sendCounter = 0;
    this.#receiveCounter = -1;
    const frame = this.seal(this.checkIn());
    const { popKey } = this.options;
    const pop = popKey && possessionProof(popKey, this.#nd);
    return {
      kind: "challenge",
      body,
      prove: encodeProve(this.deviceKey, { hello, chalBody, pop, frame }),
    };
  }

  #hearFrame(bytes: Uint8Array): Heard {
    const frame = this.#keys && openFrame(this.#keys, "down", bytes);
    if (!frame) return { kind: "ignored", code: Code.FrameMac };
    if (frame.counter <= this.#receiveCounter) return { kind: "ignored", code: Code.FrameReplayed };
    this.#receiveCounter = frame.counter;
    const message = decodeCloudMessage(frame.message);
    if (message.kind === "ack") this.claimIsAcknowledged = true;
    return { kind: "message", counter: frame.counter, message };
  }
}
