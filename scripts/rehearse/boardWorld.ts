/** All devices of one board: its firmware, and the hardware that the device whose turn it is stands for. */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { Board } from "../../boards/index.ts";
import type { Kit } from "../../firmware/core/kit.ts";
import type { Plan } from "../../firmware/core/parts/suit.ts";
import { Part } from "../../firmware/core/parts.ts";
import type { Bytes, Hal } from "../../firmware/hal/hal.ts";
import type { Code } from "../../firmware/protocol/errors.ts";
import { unshrink } from "../../firmware/protocol/host/heatshrink.ts";
import { Msg } from "../../firmware/protocol/messages.ts";
import { encodeIdentity, identityOffset } from "../cli/factory/identity.ts";
import { flatten } from "../powercut/hal.ts";
import type { Device } from "./device.ts";
import { type Firmware, linkFirmware, type Surroundings } from "./link.ts";
import type { SlotText } from "./slotMemory.ts";

/** Interpreter that the fleet runs; the newest that releases are signed for. */
export const interpreter = "2v29";

export class BoardWorld {
  readonly board: Board;
  /** the one whose turn it is */
  device!: Device;
  readonly firmware: Firmware;
  readonly hal: Hal;
  /** stand-ins by number of the part, else undefined */
  readonly standIns: ((kit: Kit) => unknown)[] = [];
  readonly #identity = identityPage();
  readonly #digests = new WeakMap<Uint8Array, Uint8Array>();
  readonly #crcs = new WeakMap<Uint8Array, number>();

  /** @param verdict what the device makes of an envelope; its signatures have been checked once for all */
  constructor(board: Board, text: string, verdict: (envelope: Bytes) => Plan | Code) {
    this.board = board;
    this.hal = this.#makeHal();
    this.firmware = linkFirmware(text, this.#surroundings());
    this.firmware.setHal(this.hal);
    this.#standIn(verdict);
  }

  digestOf(bytes: Uint8Array): Uint8Array {
    let digest = this.#digests.get(bytes);
    if (digest === undefined) {
      digest = new Uint8Array(createHash("sha256").update(bytes).digest());
      this.#digests.set(bytes, digest);
    }
    return digest;
  }

  #surroundings(): Surroundings {
    const device = () => this.device;
    const packer = {
      decompress: (data: Uint8Array) => unshrink(data),
    };
    return {
      hardware: {
        get batteryMv() {
          return device().batteryMv();
        },
        get temperatureDeciC() {
          return device().temperatureDeciC();
        },
        get resetReason() {
          return device().chipReason;
        },
      },
      process: {
        version: interpreter,
        memory: () => {
          const usage = device().memoryUsed();
          return { usage, total: 1000, free: 1000 - usage };
        },
      },
      getTime: () => device().ms() / 1000,
      require: (name) => {
        if (name === "heatshrink") return packer;
        throw new Error(`module ${name} is not in a rehearsal`);
      },
    };
  }

  /** Cryptography, flash records and carriers have tests of their own; here messages cross as values. */
  #standIn(verdict: (envelope: Bytes) => Plan | Code): void {
    const session = [] as unknown[];
    this.standIns[Part.Frames] = () => ({
      start: () => session,
      seal: (_: unknown, message: unknown) => [Msg.Frame, message],
      open: (_: unknown, frame: unknown[]) => frame[1],
    });
    this.standIns[Part.Handshake] = (kit) => ({
      hello: () => [[Msg.Hello], null, kit.h.ms()],
      prove: (_hello: unknown, _chal: unknown, checkIn: () => unknown) => ({
        prove: [Msg.Prove, checkIn()],
        frames: session,
      }),
    });
    this.standIns[Part.Link] = () => this.device.link();
    this.standIns[Part.Signed] = () => (envelope: Bytes) => envelope;
    this.standIns[Part.Suit] = () => (envelope: Bytes) => {
      const found = verdict(envelope);
      if (typeof found === "number") throw found;
      return found;
    };
  }

  #makeHal(): Hal {
    const device = () => this.device;
    const none = (): never => {
      throw new Error("not in a rehearsal");
    };
    return {
      cat: flatten,
      str: (bytes) => Buffer.from(bytes).toString("latin1"),
      sha: (data) => this.digestOf((data as unknown as SlotText).bytes ?? (data as Bytes)),
      hash: none,
      crc: (data) => this.#crcOf((data as unknown as SlotText).bytes ?? (data as Bytes)),
      aes: none,
      read: (addr, len) =>
        addr < this.board.pageBytes
          ? this.#identity.subarray(addr, addr + len)
          : device().slots.read(addr, len),
      write: (addr, data) => device().slots.write(addr, data),
      erase: (addr) => device().slots.erase(addr),
      text: (addr, len) => device().slots.text(addr, len) as unknown as string,
      run: none,
      ms: () => device().ms(),
      after: (fn, ms) => device().after(fn, ms),
      every: (fn, ms) => device().every(fn, ms),
      cancel: (handle) => {
        (handle as { run: null }).run = null;
      },
      reboot: () => device().reboot(),
    };
  }

  #crcOf(bytes: Uint8Array): number {
    let crc = this.#crcs.get(bytes);
    if (crc === undefined) {
      crc = crc32(bytes) >>> 0;
      this.#crcs.set(bytes, crc);
    }
    return crc;
  }
}

/** Page 0 of nobody: it checks, and nothing in a rehearsal asks for its keys. */
function identityPage(): Uint8Array {
  const page = new Uint8Array(4096).fill(255);
  const identity = encodeIdentity({
    ...{ serial: "REHEARSAL", vendorId: new Uint8Array(16), classId: new Uint8Array(16), kmId: 1 },
    ...{ hardwareRev: 1, keySetVersion: 1, threshold: 1, releaseKeys: [new Uint8Array(48)] },
    ...{ deviceKey: new Uint8Array(32), popKey: new Uint8Array(32), seed: new Uint8Array(32) },
    ...{ receiptI: new Uint8Array(16), receiptSeed: new Uint8Array(24) },
    ...{ agentHost: "agent.invalid", agentPort: 1883 },
  });
  page.set(identity, identityOffset);
  return page;
}
