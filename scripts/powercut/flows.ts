import { Lifecycle } from "../../firmware/protocol/messages.ts";
import type { Bench, Rig, Standing } from "./bench.ts";
import {
  damaged,
  Ground,
  hasFailed,
  hasSettings,
  isClaimed,
  isOnTrial,
  isWiped,
  once,
  runs,
  wants,
} from "./ground.ts";
import { bornSequence } from "./material.ts";
import type { PeerState } from "./peer.ts";

export const flowNames = [
  "claim",
  "update",
  "confirm",
  "revert",
  "trial",
  "settings",
  "transfer",
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

const nextSequence = 2;
const both = [bornSequence, nextSequence];

/** Lays the ground of the wanted flows: each one's start, made by going through the flows before it.
 *  @param ground made before for the same rig, to go on with
 *  @throws NoEnd when a flow does not even end without a cut */
export function makeFlows(rig: Rig, wanted: (name: FlowName) => boolean, ground = new Ground(rig)) {
  const { material } = rig;
  const { claimed } = ground;
  const withSettings = once(() =>
    ground.after(wants(claimed(), { settings: [1, { step: 3 }] }), hasSettings(1)),
  );
  const offered = (offer: PeerState["offer"]) => wants(claimed(), { offer });
  const gentle = () => ground.after(offered("gentle"), runs(nextSequence));
  const wiping = { lifecycle: Lifecycle.Wiping };
  const old = [bornSequence];
  const bad = [bornSequence, material.bad.sequence];
  const flow = (
    start: Standing,
    isDone: (bench: Bench) => boolean,
    sequences: number[],
    isRecorded = isDone,
  ) => ({ start, isDone, sequences, isRecorded });
  const makers: Record<FlowName, () => Omit<Flow, "name">> = {
    claim: () => flow(wants(ground.born, { lifecycle: Lifecycle.ClaimPending }), isClaimed(1), old),
    update: () => flow(offered("raising"), runs(nextSequence), both, isOnTrial),
    confirm: () => flow(ground.after(offered("raising"), isOnTrial, 0), runs(nextSequence), both),
    revert: () => {
      const start = wants(gentle(), { offer: null, revertTo: bornSequence });
      return flow(start, runs(bornSequence), both);
    },
    trial: () => {
      const start = ground.after(offered("bad"), isOnTrial, 0);
      return flow(start, hasFailed(material.bad.sequence), bad);
    },
    settings: () =>
      flow(wants(withSettings(), { settings: [2, { step: 5 }] }), hasSettings(2), old),
    transfer: () => flow(wants(withSettings(), { wipe: "resale", ...wiping }), isClaimed(3), old),
    wipe: () => flow(wants(withSettings(), { wipe: "scrap", ...wiping }), isWiped(material), old),
    recovery: () => flow(damaged(material, offered("gentle")), runs(nextSequence), both),
  };
  // With one slot there is no image to go back to: the order is refused without a write.
  const isPlayed = (name: FlowName) => name !== "revert" || material.board.plan.kind === "ab";
  const names = flowNames.filter((name) => isPlayed(name) && wanted(name));
  const flows = names.map((name): Flow => ({ name, ...makers[name]() }));
  return { flows, ground };
}
