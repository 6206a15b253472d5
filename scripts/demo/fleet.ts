import { connect, type Socket } from "node:net";
import { type Board, boards } from "../../boards/index.ts";
import { LineDecoder } from "../../firmware/protocol/host/line.ts";
import { Msg } from "../../firmware/protocol/messages.ts";
import { detokenise } from "../cli/build/pretokenise.ts";
import type { BatteryOptions } from "../sim/board/battery.ts";
import type { SimBoard, SimBoardOptions } from "../sim/board/simBoard.ts";
import { siteWifi } from "../sim/board/wifiLib.ts";
import { realClock } from "../sim/clock.ts";
import { type Fleet, startFleet } from "../sim/device.ts";
import { realNet } from "../sim/net.ts";
import { seededRandom } from "../sim/random.ts";
import type { MadeDevice } from "../story/workshop.ts";

export const devicesPerBoard = 17;

/** Board kinds of the demo, with the start of their serials. */
export const kinds: { board: Board; prefix: string }[] = [
  { board: boards.puckjs!, prefix: "PUCK" },
  { board: boards.esp32!, prefix: "ESP" },
  { board: boards.linux!, prefix: "LINUX" },
];

/** One device of the demo: what the factory made, and the board that runs it. */
export interface DemoDevice {
  made: MadeDevice;
  sim: SimBoard;
}

/** A second of the demo stands for hours. So its drain is sped up, and what a device does once per check-in or update
 *  (radio, flash) hardly counts against what its app does all the time: that is what a release changes.
 *  Release 1.0 reads 4 times a second: 4 × 100 + 20 idle = about 430 µA, with this scale 1.4 mV per second. */
const costs = { callback: 2, analogRead: 100, linkByte: 0.02, flashUnit: 0.002, flashErase: 2 };
const drainScale = 3500;
const microAhFull = 220_000;

/** The 51 boards, their network and their cables. */
export class DemoFleet {
  readonly devices: DemoDevice[];
  readonly #fleet: Fleet;
  readonly #cables: Socket[] = [];
  #isStopping = false;

  /** Makes the boards and switches them on one after the other.
   *  @param gatewayPort where the cables of boards without a network end */
  constructor(made: MadeDevice[], gatewayPort: number, seed: number) {
    const options = made.map((one) => boardOptions(one, seed));
    this.#fleet = startFleet(options, { ...world(), spreadMs: 1500, seed });
    this.devices = made.map((one, i) => ({ made: one, sim: this.#fleet.boards[i]! }));
    for (const { sim } of this.devices) {
      if (sim.board.link === "serial") this.#cables.push(this.#cable(sim, gatewayPort));
    }
  }

  get(serial: string): DemoDevice {
    const found = this.devices.find(({ made }) => made.serial === serial);
    if (!found) throw new Error(`fleet: expected a device ${serial}, found none`);
    return found;
  }

  /** The story's time-lapse ends: from now on batteries last as long as real ones. */
  endTimeLapse(): void {
    for (const { sim } of this.devices) sim.battery.setScale(1);
  }

  stop(): void {
    this.#isStopping = true;
    this.#fleet.stop();
    for (const cable of this.#cables) cable.destroy();
  }

  /** Joins a board's port with a TCP connection of its own to the gateway. */
  #cable(sim: SimBoard, port: number): Socket {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    socket.on("data", (data) => sim.feedSerial(new Uint8Array(data)));
    socket.on("error", (error) => {
      if (!this.#isStopping) throw error;
    });
    sim.onSerial((data) => socket.write(data));
    return socket;
  }
}

/** Time and network that every board of the demo lives in: the host's own. */
export function world() {
  return { clock: realClock(), net: realNet() };
}

/** A board as the demo makes it from a factory image. */
export function boardOptions(
  made: MadeDevice,
  seed: number,
): Omit<SimBoardOptions, "clock"> & { name: string } {
  const random = seededRandom(`${seed} ${made.serial}`);
  const isPowered = made.board.measure.batteryMv !== undefined;
  const battery: BatteryOptions = {
    capacityMicroAh: microAhFull,
    charged: 0.88 + 0.12 * random(),
    scale: drainScale,
    costs,
  };
  const daylight = 0.35 + 0.3 * random();
  return {
    board: made.board,
    name: made.serial,
    storage: made.storage,
    seed: `${seed} ${made.serial}`,
    battery: isPowered ? battery : undefined,
    wifi: { ...siteWifi, rssiDbm: -50 - Math.floor(random() * 30) },
    sensors: { analog: () => daylight + (random() - 0.5) * 0.02 },
    // Device code here never loops without end, and a slow machine must not look like one that does.
    wallLimitMs: 0,
    // Only boards with little flash get packed tokens.
    detokenise: made.board.plan.totalPages <= 10 ? plainText : undefined,
  };
}

/** Devices evaluate the same few packed texts for every message: each is unpacked once for the whole fleet. */
const plainTexts = new Map<string, string>();
const plainTextsMax = 200;

function plainText(packed: string): string {
  const known = plainTexts.get(packed);
  if (known !== undefined) return known;
  if (plainTexts.size >= plainTextsMax) plainTexts.clear();
  const plain = detokenise(packed);
  plainTexts.set(packed, plain);
  return plain;
}

/** Records what a board says on its cable.
 *  @returns the HELLO and PROVE of its handshakes, oldest first; grows */
export function recordHandshakes(sim: SimBoard): { hello: Uint8Array; prove: Uint8Array }[] {
  const heard: { hello: Uint8Array; prove: Uint8Array }[] = [];
  const decoder = new LineDecoder();
  let hello: Uint8Array | null = null;
  sim.onSerial((data) => {
    for (const message of decoder.push(data)) {
      // A plain message is a CBOR array whose first item is its number; a sealed frame begins with 7.
      if (message[0] === Msg.Frame) continue;
      if (message[1] === Msg.Hello) hello = message;
      if (message[1] === Msg.Prove && hello) heard.push({ hello, prove: message });
    }
  });
  return heard;
}
