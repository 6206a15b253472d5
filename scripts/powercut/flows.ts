import { boards } from "../../boards/index.ts";
import { Lifecycle, SlotState } from "../../firmware/protocol/messages.ts";
import { NorFlash } from "../sim/flash/norFlash.ts";
import { rulesOf } from "../sim/flash/rules.ts";
import { Bench, type Standing } from "./bench.ts";
import { bornSequence, type Material } from "./material.ts";
import { freshPeer, type PeerState } from "./peer.ts";
import { type FlashView, viewOf } from "./view.ts";

export const flowNames = [
  "claim",
  "update",
  "confirm",
  "revert",
  "trial",
  "settings",
  "wipe",
  "recovery",
] as const;
export type FlowName = (typeof flowNames)[number];

/** A thing that a device goes through, from switching on to an end that its cloud can see. */
export interface Flow {
  name: FlowName;
  /** how it begins: the device is off */
  start: Standing;
  /** true when recording may end; later operations belong to another flow */
  isRecorded(bench: Bench): boolean;
  /** true when the flow has reached its end, however often it was interrupted */
  isDone(bench: Bench): boolean;
  /** sequences that may run while it is under way */
  sequences: number[];
}

/** Most of a board's time that a flow may take: recovery waits ten minutes before it gives a slot its next chance. */
export const flowLimitMs = 30 * 60_000;
const nextSequence = 2;

/** Lays the ground: each flow's start, made by going through the flows before it.
 *  @throws Error when a flow does not even end without a cut */
export function makeFlows(material: Material): Flow[] {
  const ground = new Ground(material);
  const { claimed } = ground;
  const installed = ground.after(
    { ...claimed, ...wants(claimed, { offer: "raising" }) },
    isOnTrial,
    0,
  );
  const failing = ground.after({ ...claimed, ...wants(claimed, { offer: "bad" }) }, isOnTrial, 0);
  const gentle = ground.after(
    { ...claimed, ...wants(claimed, { offer: "gentle" }) },
    runs(nextSequence),
  );
  const first = { settings: [1, { step: 3 }] as PeerState["settings"] };
  const withSettings = ground.after({ ...claimed, ...wants(claimed, first) }, hasSettings(1));
  const second = { settings: [2, { step: 5 }] as PeerState["settings"] };
  const flow = (
    name: FlowName,
    start: Standing,
    want: Partial<PeerState>,
    isDone: (bench: Bench) => boolean,
    sequences: number[],
    isRecorded = isDone,
  ): Flow => ({ name, start: { ...start, ...wants(start, want) }, isDone, sequences, isRecorded });
  const both = [bornSequence, nextSequence];
  return [
    flow("claim", ground.born, claims, isClaimed, [bornSequence]),
    flow("update", claimed, { offer: "raising" }, runs(nextSequence), both, isOnTrial),
    flow("confirm", installed, {}, runs(nextSequence), both),
    flow("revert", gentle, { offer: null, revertTo: bornSequence }, runs(bornSequence), both),
    flow("trial", failing, {}, hasFailed(material.bad.sequence), [
      bornSequence,
      material.bad.sequence,
    ]),
    flow("settings", withSettings, second, hasSettings(2), [bornSequence]),
    flow(
      "wipe",
      withSettings,
      { wipe: true, lifecycle: Lifecycle.Wiping },
      isWiped(material.boardId),
      [bornSequence],
    ),
    flow("recovery", damaged(material, claimed), { offer: "gentle" }, runs(nextSequence), both),
  ];
}

const claims: Partial<PeerState> = { lifecycle: Lifecycle.ClaimPending };
const wants = (standing: Standing, want: Partial<PeerState>) => ({
  peer: { ...structuredClone(standing.peer), ...want },
});

/** A born and a claimed device of the material. */
class Ground {
  readonly born: Standing;
  readonly claimed: Standing;
  readonly #material: Material;

  constructor(material: Material) {
    this.#material = material;
    const flash = new NorFlash(rulesOf(boards[material.boardId]!), material.storage);
    this.born = { flash, peer: freshPeer(), ms: 1_750_000_000_000 };
    this.claimed = this.after({ ...this.born, ...wants(this.born, claims) }, isClaimed);
  }

  /** What stands after the device went through it without a cut, and some time after. */
  after(start: Standing, isDone: (bench: Bench) => boolean, settleMs = 2000): Standing {
    const bench = new Bench(this.#material, { ...start, flash: start.flash.fork() });
    bench.sim.powerOn();
    if (!bench.run(() => isDone(bench), flowLimitMs)) {
      const said = JSON.stringify(bench.sim.log.slice(-5));
      throw new Error(`${this.#material.boardId}: a flow does not end without a cut: ${said}`);
    }
    bench.run(() => false, settleMs);
    return bench.off();
  }
}

const isClaimed = ({ peer: { state } }: Bench) =>
  state.session?.epoch === 1 &&
  state.lifecycle === Lifecycle.Operating &&
  state.checkIn?.lifecycle === Lifecycle.Operating;

const runs =
  (sequence: number) =>
  ({ peer: { state } }: Bench) =>
    state.checkIn?.runningSequence === sequence && state.checkIn.slotState === SlotState.Confirmed;

const hasSettings =
  (revision: number) =>
  ({ peer: { state } }: Bench) =>
    state.checkIn?.settingsRevision === revision;

/** The new image stands in its slot, and the device has just ended to start into it. */
const isOnTrial = ({ sim }: Bench) => sim.reboots > 0;

const hasFailed =
  (sequence: number) =>
  ({ peer: { state } }: Bench) =>
    state.checkIn?.runningSequence === bornSequence &&
    state.checkIn.slotState === SlotState.Confirmed &&
    state.checkIn.failed?.sequence === sequence;

/** Looks into the flash, because a wiped device has nothing more to say; only when something was written since. */
function isWiped(boardId: string) {
  const seen = new WeakMap<Bench, { operations: number; view: FlashView | null }>();
  return (bench: Bench) => {
    const { flash, running } = bench.sim;
    const known = seen.get(bench);
    if (!running || bench.peer.state.receipt === null) return false;
    if (known?.operations !== flash.operations)
      seen.set(bench, { operations: flash.operations, view: viewOf(boards[boardId]!, flash) });
    return seen.get(bench)!.view!.wipeStage === 3;
  };
}

/** The claimed device with one bit of its running image gone: it has nothing to run. */
function damaged(material: Material, standing: Standing): Standing {
  const board = boards[material.boardId]!;
  const image = standing.flash.image();
  const at = board.plan.slotAPage * board.pageBytes + 64;
  image[at]! &= image[at]! - 1;
  return { ...standing, flash: new NorFlash(rulesOf(board), image) };
}
