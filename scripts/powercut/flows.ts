import type { Board } from "../../boards/index.ts";
import { Lifecycle } from "../../firmware/protocol/messages.ts";
import type { Bench, Rig, Standing } from "./bench.ts";
import {
  damaged,
  Ground,
  hasFailed,
  hasKeySet,
  hasSettings,
  isAnswered,
  isClaimed,
  isOnTrial,
  isUnderWay,
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
  "keys",
  "keysWith",
  "packed",
  "delta",
  "fallback",
  "baseless",
  "command",
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

/** Flows in which an image that runs unpacks the next one. */
const codedFlows: FlowName[] = ["packed", "delta", "fallback", "baseless"];

/** Flows in which no image is taken, left or judged. */
const fixedFlows: FlowName[] = ["claim", "settings", "transfer", "wipe", "command"];

/** The flows that a board's plan promises. With one slot there is no image to go back to: the order is refused without a
 *  write. A core that takes updates alone takes plain images; a fixed image is neither taken nor left. */
export function flowsOf({ plan, updates }: Board): FlowName[] {
  if (plan.kind === "fixed") return fixedFlows;
  return flowNames.filter(
    (name) =>
      (name !== "revert" || plan.kind === "ab") &&
      (!codedFlows.includes(name) || updates === "anywhere"),
  );
}

/** Lays the ground of the wanted flows: each one's start, made by going through the flows before it.
 *  @param ground made before for the same rig, to go on with
 *  @throws NoEnd when a flow does not even end without a cut */
export function makeFlows(rig: Rig, wanted: (name: FlowName) => boolean, ground = new Ground(rig)) {
  const { material } = rig;
  const { claimed } = ground;
  const withSettings = once(() =>
    ground.after(wants(claimed(), { settings: [1, { step: 3 }] }), hasSettings(1)),
  );
  // The set before the next one is a record as well: the one in force must not make place for what comes.
  const keyed = once(() => ground.after(wants(claimed(), { keys: "first" }), hasKeySet(2)));
  const coded = (coding: PeerState["coding"]) => wants(offered("raising"), { coding });
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
    command: () => {
      const command = { id: 7, told: null, begun: null };
      return flow(wants(claimed(), { command }), isAnswered, old);
    },
    keys: () => flow(wants(keyed(), { keys: "now", keysTold: "nothing" }), hasKeySet(3), old),
    keysWith: () => {
      const start = wants(keyed(), { offer: "raising", keys: "later", keysTold: "nothing" });
      return flow(start, (bench) => runs(nextSequence)(bench) && hasKeySet(3)(bench), both);
    },
    packed: () => flow(coded("packed"), runs(nextSequence), both, isOnTrial),
    delta: () => flow(coded("any"), runs(nextSequence), both, isOnTrial),
    fallback: () => flow(coded("stale"), runs(nextSequence), both, isOnTrial),
    baseless: () => {
      const start = damaged(material, ground.after(coded("any"), isUnderWay(material), 0));
      return flow(start, runs(nextSequence), both);
    },
  };
  const names = flowsOf(material.board).filter(wanted);
  const flows = names.map((name): Flow => ({ name, ...makers[name]() }));
  return { flows, ground };
}
