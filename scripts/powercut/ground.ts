import { firstPageOf, slotAddresses } from "../../boards/index.ts";
import { Lifecycle, SlotState } from "../../firmware/protocol/messages.ts";
import { NorFlash } from "../sim/flash/norFlash.ts";
import { rulesOf } from "../sim/flash/rules.ts";
import { Bench, type Rig, type Standing } from "./bench.ts";
import { bornSequence, type Material } from "./material.ts";
import { clonePeer, freshPeer, type PeerState } from "./peer.ts";
import { bootRecordBytes, type FlashView, fillJournal, viewOf } from "./view.ts";

/** Most of a board's time that a flow may take: recovery waits ten minutes before it gives a slot its next chance, half an
 *  hour without native hashes. */
export const flowLimitMs = 75 * 60_000;

/** A flow that does not end although nothing is cut. */
export class NoEnd extends Error {}

export const wants = (standing: Standing, want: Partial<PeerState>) => ({
  ...standing,
  peer: { ...clonePeer(standing.peer), ...want },
});

/** Makes a thing when it is asked for, once. */
export function once<T>(make: () => T): () => T {
  let made: { value: T } | null = null;
  return () => (made ??= { value: make() }).value;
}

/** Devices of a material at the places where flows begin, made by going through the flows before. */
export class Ground {
  readonly born: Standing;
  readonly claimed: () => Standing;
  readonly #rig: Rig;

  constructor(rig: Rig) {
    this.#rig = rig;
    const { board, storage } = rig.material;
    const flash = new NorFlash(rulesOf(board), storage);
    this.born = { flash, peer: freshPeer(), ms: 1_750_000_000_000 };
    const claims = wants(this.born, { lifecycle: Lifecycle.ClaimPending });
    this.claimed = once(() => this.after(claims, isClaimed(1)));
  }

  /** What stands after the device went through it without a cut, and some time after.
   *  @throws NoEnd when it does not end */
  after(start: Standing, isDone: (bench: Bench) => boolean, settleMs = 2000): Standing {
    const bench = new Bench(this.#rig, { ...start, flash: start.flash.fork() }, "core");
    bench.sim.powerOn();
    if (!bench.run(() => isDone(bench), flowLimitMs)) {
      const said = JSON.stringify(bench.sim.log.slice(-5));
      const { id } = this.#rig.material.board;
      throw new NoEnd(`${id}: a flow does not end without a cut: ${said}`);
    }
    bench.run(() => false, settleMs);
    return bench.off();
  }

  /** A device that was switched on so often that its journal half has this room left. */
  withRoom(start: Standing, roomBytes: number): Standing {
    const flash = start.flash.fork();
    fillJournal(this.#rig.material.board, flash, Math.max(roomBytes, bootRecordBytes));
    return { ...start, flash };
  }
}

export const isClaimed =
  (epoch: number) =>
  ({ peer: { state } }: Bench) =>
    state.session?.epoch === epoch &&
    state.lifecycle === Lifecycle.Operating &&
    state.checkIn?.lifecycle === Lifecycle.Operating;

export const runs =
  (sequence: number) =>
  ({ peer: { state } }: Bench) =>
    state.checkIn?.runningSequence === sequence && state.checkIn.slotState === SlotState.Confirmed;

export const hasKeySet =
  (version: number) =>
  ({ peer: { state } }: Bench) =>
    state.checkIn?.keySetVersion === version;

export const hasSettings =
  (revision: number) =>
  ({ peer: { state } }: Bench) =>
    state.checkIn?.settingsRevision === revision;

export const isAnswered = ({ peer: { state } }: Bench) => state.command?.told != null;

/** The new image stands in its slot, and the device has just ended to start into it: at the cable it has restarted into
 *  its core before. */
export const isOnTrial = ({ sim }: Bench) => sim.reboots > (sim.board.updates === "cable" ? 1 : 0);

export const hasFailed =
  (sequence: number) =>
  ({ peer: { state }, sim }: Bench) => {
    // With one slot nothing is left to run: the core is, and would take the next update.
    const isSingle = sim.board.plan.kind === "single";
    const { runningSequence, slotState, failed } = state.checkIn ?? {};
    return (
      runningSequence === (isSingle ? 0 : bornSequence) &&
      slotState === (isSingle ? SlotState.Recovery : SlotState.Confirmed) &&
      failed?.sequence === sequence
    );
  };

/** A page of the next image is written and noted. */
export const isUnderWay = (material: Material) => {
  const look = lookedAt(material);
  return (bench: Bench) => (look(bench).downloadBytes ?? 0) > 0;
};

/** Looks into the flash, because a wiped device has nothing more to say; only when something was written since. */
export function isWiped(material: Material) {
  const look = lookedAt(material);
  return (bench: Bench) =>
    bench.sim.running && bench.peer.state.receipt !== null && look(bench).wipeStage === 3;
}

function lookedAt({ board }: Material) {
  const seen = new WeakMap<Bench, { operations: number; view: FlashView }>();
  return (bench: Bench): FlashView => {
    const { flash } = bench.sim;
    let known = seen.get(bench);
    if (known?.operations !== flash.operations)
      seen.set(bench, (known = { operations: flash.operations, view: viewOf(board, flash) }));
    return known.view;
  };
}

/** The claimed device with one bit of its running image gone: it has nothing to run. */
export function damaged({ board }: Material, standing: Standing): Standing {
  const image = standing.flash.image();
  const at = slotAddresses(board)[0]! - firstPageOf(board.plan) * board.pageBytes + 64;
  image[at]! &= image[at]! - 1;
  return { ...standing, flash: new NorFlash(rulesOf(board), image) };
}
