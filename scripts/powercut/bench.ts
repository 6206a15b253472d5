import type { Kit } from "../../firmware/core/kit.ts";
import { detokenise } from "../cli/build/pretokenise.ts";
import { SimBoard } from "../sim/board/simBoard.ts";
import { siteWifi } from "../sim/board/wifiLib.ts";
import { VirtualClock } from "../sim/clock.ts";
import type { NorFlash } from "../sim/flash/norFlash.ts";
import { brokerNet, joinSerial } from "./carrier.ts";
import { type Device, type DeviceWorld, deviceCode, deviceOf, type Mutation } from "./device.ts";
import { isPacked, type Material } from "./material.ts";
import { clonePeer, Peer, type PeerState } from "./peer.ts";

/** How device code runs: "board" = the shipped texts in a context of their own at each start, "core" = their TypeScript in
 *  this process. Flash, clock, network and the interpreter's boot check are the same. */
export type Play = "board" | "core";

/** A device without power, and what its cloud knows at that moment. */
export interface Standing {
  flash: NorFlash;
  peer: PeerState;
  /** the cloud's clock */
  ms: number;
}

/** What cuts of one board are played with. */
export interface Rig {
  material: Material;
  device: Device;
}

/** @param mutations break the design on purpose; they reach the play "core" only */
export async function makeRig(material: Material, mutations: Mutation[] = []): Promise<Rig> {
  return rigOf(material, await deviceCode(material, mutations));
}

/** As makeRig, of what was bundled elsewhere. */
export const rigOf = (material: Material, code: string): Rig => ({
  material,
  device: deviceOf(material, code),
});

/** One board on one flash with its cloud, from switching on. Time stands still unless it is run. */
export class Bench {
  readonly clock: VirtualClock;
  readonly peer: Peer;
  readonly sim: SimBoard;
  /** the device's memory, by "core" only */
  #world: DeviceWorld | null = null;

  /** @param standing its flash is used as it is; fork it before to keep it
   *  @param kickMs time of a block of the device's own hash; default none */
  constructor(rig: Rig, standing: Standing, play: Play, seed: number | string = 1, kickMs = 0) {
    const { board, birth } = rig.material;
    this.clock = new VirtualClock(standing.ms);
    this.peer = new Peer(rig.material, standing.peer, () => this.clock.nowMs());
    this.peer.state.checkIn = null;
    this.sim = new SimBoard({
      board,
      clock: this.clock,
      flash: standing.flash,
      net: brokerNet(this.peer, birth.record.serial, this.clock),
      wifi: siteWifi,
      seed,
      kickMs,
      // The supervising process looks for what does not return: a limit per call would cost as much as the call.
      wallLimitMs: 0,
      detokenise: play === "board" && isPacked(board) ? plainText : undefined,
      makeWorld: play === "core" ? (host) => (this.#world = rig.device.makeWorld(host)) : undefined,
    });
    if (board.link === "serial") joinSerial(this.sim, this.peer, this.clock);
  }

  /** What the device's core holds in memory; null by "board", and before it runs. */
  get kit(): Kit | null {
    return this.#world?.kit ?? null;
  }

  /** @returns false when limitMs of the board's time passed without `done` */
  run(done: () => boolean, limitMs: number): boolean {
    return this.clock.advanceUntil(done, limitMs);
  }

  /** Takes the power away. @returns what stands then */
  off(): Standing {
    this.sim.powerOff();
    const { flash } = this.sim;
    flash.powerOn();
    return { flash, peer: clonePeer(this.peer.state), ms: this.clock.nowMs() };
  }
}

/** The same few texts are unpacked at each of many thousand starts. */
const plainTexts = new Map<string, string>();
function plainText(text: string): string {
  let plain = plainTexts.get(text);
  if (plain === undefined) {
    if (plainTexts.size > 200) plainTexts.clear();
    plain = detokenise(text);
    plainTexts.set(text, plain);
  }
  return plain;
}
