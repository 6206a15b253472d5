/** The wire between a device with the shipped texts and its cloud, in an attacker's hands. */
import { helloWantedPauseMs } from "../../firmware/protocol/limits.ts";
import { Msg } from "../../firmware/protocol/messages.ts";
import { seededRandom } from "../../scripts/sim/random.ts";
import { Stage } from "./attackStage.ts";

type Way = (bytes: Uint8Array) => Uint8Array[];
export const whole: Way = (bytes) => [bytes];
export const isFrame = (bytes: Uint8Array) => bytes[0] === Msg.Frame;
export const isPlain = (kind: Msg) => (bytes: Uint8Array) => bytes[0]! >= 0x80 && bytes[1] === kind;

/** The wire between device and cloud, in the attacker's hands. */
export class Wire {
  readonly stage = new Stage();
  /** all that went either way, before he touched it */
  readonly up: Uint8Array[] = [];
  readonly down: Uint8Array[] = [];
  onUp = whole;
  onDown = whole;
  /** to the device, as if it came from the cloud */
  inject: (bytes: Uint8Array) => void;
  readonly #receive: (bytes: Uint8Array) => void;
  readonly #late: { dueMs: number; give(): void }[] = [];

  constructor() {
    const { cloud } = this.stage.device;
    let send = cloud.send;
    this.inject = (bytes) => send(bytes);
    Object.defineProperty(cloud, "send", {
      get: () => (bytes: Uint8Array) => {
        this.down.push(bytes);
        for (const one of this.onDown(bytes)) send(one);
      },
      set: (next) => {
        send = next;
      },
    });
    const receive = cloud.receive.bind(cloud);
    cloud.receive = (bytes) => {
      this.up.push(bytes);
      for (const one of this.onUp(bytes)) receive(one);
    };
    this.#receive = receive;
    // So long after its last handshake a device follows HELLO-WANTED.
    this.device.advance(helloWantedPauseMs + 1000);
  }

  /** Delays each message by up to a time of its own, so that they overtake each other. */
  delay(msMax: number): void {
    const random = seededRandom("late");
    const late = (give: (bytes: Uint8Array) => void) => (bytes: Uint8Array) => {
      this.#late.push({ dueMs: this.device.nowMs + random() * msMax, give: () => give(bytes) });
      return [];
    };
    this.onUp = late(this.#receive);
    this.onDown = late(this.inject);
  }

  /** Brings what is due. */
  flush(): void {
    this.#late.sort((a, b) => a.dueMs - b.dueMs);
    while (this.#late.length > 0 && this.#late[0]!.dueMs <= this.device.nowMs)
      this.#late.shift()!.give();
  }

  get device() {
    return this.stage.device;
  }

  /** Times that messages of a kind went up. */
  count(kind: Msg): number {
    return this.up.filter(isPlain(kind)).length;
  }

  /** A check-in that comes from now on. */
  untilCheckIn(what = "check in"): void {
    const before = this.device.checkIns.length;
    this.device.until(what, () => this.device.checkIns.length > before);
    this.device.advance(100);
  }

  /** Keeps all that is meant for the device. @returns the frames among it, as they come */
  keepFrames(): Uint8Array[] {
    const kept: Uint8Array[] = [];
    this.onDown = (bytes) => {
      if (isFrame(bytes)) kept.push(bytes);
      return [];
    };
    return kept;
  }

  settings(revision: number): void {
    this.device.cloud.say({ kind: "settings", revision, values: {} });
    this.device.advance(100);
  }
}
