import { Lifecycle } from "../../firmware/protocol/messages.ts";
import { secretsFound, secretsOf } from "../story/secrets.ts";
import type { Bench, Rig } from "./bench.ts";
import type { Flow } from "./flows.ts";
import { bornSequence } from "./material.ts";
import type { PeerState } from "./peer.ts";
import { type FlashView, viewOf } from "./view.ts";

/** Bad outcomes, as they are counted. */
export const outcomes = ["unbootable", "lostState", "downgrades", "stuck"] as const;
export type Outcome = (typeof outcomes)[number];

export interface Finding {
  outcome: Outcome;
  text: string;
}

/** A flow with what stood at its start and what stands at its end when nothing is cut. */
export interface Measure {
  rig: Rig;
  flow: Flow;
  start: FlashView;
  end: FlashView;
}

type Say = (outcome: Outcome, text: string) => void;

/** Judges a device right after it was switched on again: its start has run, nothing else has.
 *  @param before what stood before the cut operation */
export function judgeStart(measure: Measure, bench: Bench, before: FlashView, say: Say): FlashView {
  const { sim, peer } = bench;
  if (sim.log.some((event) => event.kind === "storage-erased"))
    say("unbootable", "the interpreter erased Storage");
  if (!sim.hasPower || sim.log.some((event) => event.kind === "ended" && event.cause === "hung"))
    say("unbootable", "the start does not end");
  const { board } = measure.rig.material;
  const view = viewOf(board, sim.flash);
  // The second look draws weak bits anew: what the device has started from must not change under it.
  const again = sim.flash.isUnstable ? viewOf(board, sim.flash) : view;
  if (view !== again && same(view) !== same(again))
    say("lostState", "what was read at the start reads differently");
  if (view.boot[0] <= before.boot[0])
    say("lostState", `boot count: expected above ${before.boot[0]}, got ${view.boot[0]}`);
  judgeImage(measure, view, before, say);
  judgeState(measure, view, before, say);
  judgeKeySet(measure, view, before, bench.peer.state, say);
  judgeCommand(view, before, bench.peer.state, say);
  if (!view.wipeStage && !peer.accepts(view.epoch))
    say("lostState", `key epoch ${view.epoch}, which its cloud does not accept`);
  return view;
}

function judgeImage(
  { rig, flow, start, end }: Measure,
  view: FlashView,
  before: FlashView,
  say: Say,
) {
  if (view.floor < before.floor) say("downgrades", `floor ${before.floor} became ${view.floor}`);
  const isConfirmed = view.running?.[0] === end.running?.[0] && !view.slots[5];
  if (view.floor > start.floor && !(isConfirmed && view.floor === end.floor))
    say("lostState", `floor ${view.floor} before the confirm`);
  const [active, slotA, slotB, floor, , isTrial] = view.slots;
  const other = active === 0 ? slotB : slotA;
  if (isTrial && other && other[0] < floor)
    say("lostState", "the way back is closed before the confirm");
  if (view.wipeStage || (!start.running && !view.running && !end.slots[5])) return;
  // The promise of one slot: until the update is complete there may be no image, but the core takes it again.
  const isSingle = rig.material.board.plan.kind === "single";
  if (!view.running && isSingle && ["update", "trial", "keysWith"].includes(flow.name)) return;
  if (!view.running) say("unbootable", "no complete image is active");
  else if (!flow.sequences.includes(view.running[0]))
    say("downgrades", `sequence ${view.running[0]} runs`);
  else if (view.running[0] < view.floor) say("downgrades", "what runs is below the floor");
}

function judgeState({ flow, start, end }: Measure, view: FlashView, before: FlashView, say: Say) {
  // The end of a wipe for resale is a device without one.
  const isOver = flow.name === "transfer" && before.wipeStage === 2 && view.wipeStage === 0;
  if (view.wipeStage < before.wipeStage && !isOver)
    say("lostState", `wipe stage ${before.wipeStage} became ${view.wipeStage}`);
  if (view.wipeStage) {
    const epochs = [-1, start.epoch, ...(flow.name === "transfer" ? [start.epoch + 1] : [])];
    if (!epochs.includes(view.epoch)) say("lostState", `key epoch ${view.epoch} while it is wiped`);
    return;
  }
  if (view.epoch < before.epoch || view.epoch > end.epoch)
    if (flow.name !== "wipe" || view.epoch !== start.epoch)
      say("lostState", `key epoch ${before.epoch} became ${view.epoch}`);
  const isFree = flow.name === "transfer" && view.lifecycle === Lifecycle.Released;
  if (view.lifecycle !== start.lifecycle && view.lifecycle !== end.lifecycle && !isFree)
    say("lostState", `lifecycle ${view.lifecycle}`);
  if (view.lifecycle === Lifecycle.Operating && !view.isCommitted)
    say("lostState", "in use without a committed key");
  const settings = same(view.settings);
  if (settings !== same(start.settings) && settings !== same(end.settings))
    say("lostState", `settings ${settings}`);
}

/** Looks at the keys by which releases are judged: those before or after as a whole, never back, and with the confirm where
 *  they wait for one. A wipe leaves those in force. */
function judgeKeySet(
  { start, end, rig }: Measure,
  view: FlashView,
  before: FlashView,
  { keys, keysTold }: PeerState,
  say: Say,
) {
  const set = same(view.keySet);
  if (set !== same(start.keySet) && set !== same(end.keySet)) say("lostState", `key set ${set}`);
  if (view.keySet[0] < before.keySet[0])
    say("downgrades", `key set ${before.keySet[0]} became ${view.keySet[0]}`);
  if (!keys) return;
  const { version, withSequence, record } = rig.material.keySets[keys];
  const isInForce = view.keySet[0] === version;
  const isWaiting = same(view.waitingKeySet) === same(record);
  const runs = view.slots[5] ? 0 : (view.running?.[0] ?? 0);
  if (isInForce && runs < withSequence) say("lostState", "the key set holds before the confirm");
  if (keysTold !== "taken" || isInForce) return;
  if (!isWaiting) say("lostState", `key set ${version} was told as taken, and is gone`);
  // The record that confirms brings it into force.
  if (runs >= withSequence) say("lostState", `key set ${version} waits for what is confirmed`);
}

/** A command that was begun stays on record, and its cloud is told so: it must not run again. */
function judgeCommand(view: FlashView, before: FlashView, state: PeerState, say: Say) {
  const { command } = state;
  if (command && before.command && same(view.command) !== same(before.command))
    if (view.command?.[0] !== command.id) say("lostState", `command ${command.id} is forgotten`);
  if (command && view.command?.[0] === command.id)
    state.command = { ...command, begun: view.command[1] };
}

/** Judges a device that has gone through its flow to the end in spite of the cuts. */
export function judgeEnd(measure: Measure, bench: Bench, say: Say): void {
  const { end, flow, rig } = measure;
  const { flash } = bench.sim;
  const view = viewOf(rig.material.board, flash);
  const facts = (v: FlashView) =>
    same([v.running, v.floor, v.keySet, v.slots[5], v.epoch, v.lifecycle, v.settings, v.wipeStage]);
  if (facts(view) !== facts(end))
    say("lostState", `at the end: expected ${facts(end)}, got ${facts(view)}`);
  for (const fault of bench.peer.state.faults) say("lostState", `its cloud heard: ${fault}`);
  if (view.wipeStage || flow.name === "transfer")
    for (const name of leftovers(measure, bench)) say("lostState", name);
  if (!view.wipeStage && view.slots[5] && view.running?.[0] === bornSequence)
    say("lostState", "a trial of old");
  for (const { kind, addr } of flash.violations)
    say("lostState", `flash rule broken at 0x${addr.toString(16)}: ${kind}`);
}

const ownSecrets = ["popKey", "random seed", "Wi-Fi password"];

/** Secrets that a wiped device still holds; slots are in the receipt's coverage, the core is public. A device that is sold
 *  keeps what is its own (popKey, seed, the factory's Wi-Fi) and loses what was its owner's. */
function leftovers({ rig, flow }: Measure, bench: Bench): string[] {
  const { birth, board, km } = rig.material;
  const { plan, pageBytes, flashStart } = board;
  const { flash } = bench.sim;
  const journalBytes = 2 * plan.journalHalfPages * pageBytes;
  const half = journalBytes / 2;
  const journalAt = flashStart + plan.journalPage * pageBytes;
  const places = Buffer.concat([
    written(flash.read(flashStart, pageBytes)),
    written(flash.read(journalAt, half)),
    written(flash.read(journalAt + half, half)),
  ]);
  let secrets = secretsAt.get(birth);
  if (!secrets) secretsAt.set(birth, (secrets = secretsOf(birth, km, 1)));
  secrets = new Map(secrets);
  if (flow.name === "transfer") for (const own of ownSecrets) secrets.delete(own);
  return secretsFound(places, secrets).map((name) => `${name} is still there after the wipe`);
}

const secretsAt = new WeakMap<object, Map<string, Uint8Array>>();

/** The bytes without what is blank behind them. */
function written(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 255) end--;
  return bytes.subarray(0, end);
}

const same = (value: unknown) =>
  JSON.stringify(value, (_key, v) =>
    v instanceof Uint8Array ? Buffer.from(v).toString("hex") : v,
  );
