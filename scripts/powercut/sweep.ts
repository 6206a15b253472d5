import { boards } from "../../boards/index.ts";
import { Bench, type Standing } from "./bench.ts";
import { type Flow, type FlowName, flowLimitMs, makeFlows } from "./flows.ts";
import { type Finding, judgeEnd, judgeStart, type Measure, type Outcome } from "./judge.ts";
import type { Material } from "./material.ts";
import { cutModelOf, type ModelName, modelsOf, type Operation, tap, tear } from "./points.ts";
import { type FlashView, viewOf } from "./view.ts";

/** One operation cut in one way; `more` are cuts of the starts that follow, counted in operations of that start. */
export interface Point {
  op: Operation;
  model: ModelName;
  more: { operation: number; model: ModelName; times: number }[];
}

/** A flow that was gone through once, with all its cut points. */
export interface Recorded {
  measure: Measure;
  points: Point[];
}

/** Time that a device stands without power. */
const offMs = 5000;
const settleMs = 3000;

/** Goes through each wanted flow once and lists its cut points. */
export function recordFlows(material: Material, wanted: (name: FlowName) => boolean): Recorded[] {
  return makeFlows(material)
    .filter(({ name }) => wanted(name))
    .map((flow) => recordFlow(material, flow));
}

function recordFlow(material: Material, flow: Flow): Recorded {
  const operations: Operation[] = [];
  const flash = flow.start.flash.fork();
  const bench = new Bench(material, { ...flow.start, flash });
  let isOpen = true;
  tap(flash, (op) => {
    if (!isOpen) return;
    const peer = structuredClone(bench.peer.state);
    const before = { flash: flash.fork(), peer, ms: bench.clock.nowMs() };
    operations.push({ ...op, index: operations.length, before });
  });
  bench.sim.powerOn();
  const isDone = () => bench.run(() => flow.isDone(bench), flowLimitMs);
  if (!bench.run(() => flow.isRecorded(bench), flowLimitMs))
    throw new Error(`${flow.name}: no end`);
  isOpen = flow.isRecorded === flow.isDone;
  if (!isDone()) throw new Error(`${flow.name}: no end`);
  bench.run(() => false, settleMs);
  const board = boards[material.boardId]!;
  const start = viewOf(board, flow.start.flash);
  const measure: Measure = { material, flow, start, end: viewOf(board, flash) };
  const points = operations.flatMap((op) =>
    modelsOf(material, op).map((model): Point => ({ op, model, more: [] })),
  );
  return { measure, points };
}

/** The id that plays a cut again. */
export function pointId({ measure }: Recorded, { op, model, more }: Point, seed: number): string {
  const tail = more
    .map(({ operation, model: m, times }) => `+${operation}.${m}${times > 1 ? `*${times}` : ""}`)
    .join("");
  return `${measure.material.boardId}:${measure.flow.name}:${op.index}:${model}${tail}:${seed}`;
}

const views = new WeakMap<Operation, FlashView>();
function viewBefore(material: Material, op: Operation): FlashView {
  let view = views.get(op);
  if (!view) views.set(op, (view = viewOf(boards[material.boardId]!, op.before.flash)));
  return view;
}

/** Plays one cut: tears the operation on a fork, switches a new board on with what its cloud knew, judges, and goes on
 *  until the flow is done.
 *  @param watch hears every event, to show a replay */
export function playPoint(
  recorded: Recorded,
  point: Point,
  seed: number,
  watch?: (text: string) => void,
): Finding[] {
  const { measure } = recorded;
  const { material, flow } = measure;
  const { op } = point;
  const findings: Finding[] = [];
  const say = (outcome: Outcome, text: string) => void findings.push({ outcome, text });
  const id = pointId(recorded, point, seed);
  const flash = tear(op, point.model, id);
  let standing: Standing = { flash, peer: op.before.peer, ms: op.before.ms + offMs };
  let before = viewBefore(material, op);
  const cuts = point.more.flatMap((cut) => Array.from({ length: cut.times }, () => cut));
  for (const next of [...cuts, null]) {
    const bench = new Bench(material, standing, id);
    if (watch) bench.sim.onEvent((event) => watch(JSON.stringify(event)));
    if (next) bench.sim.powerCutAt(cutModelOf(next.model), next.operation);
    switchOn(bench, next);
    // A start that was cut itself has nothing to be judged yet.
    if (bench.sim.flash.isCut) {
      standing = { ...bench.off(), ms: bench.clock.nowMs() + offMs };
      continue;
    }
    before = judgeStart(measure, bench, before, say);
    const said = bench.peer.state.nonces.length;
    const isDone = bench.run(() => flow.isDone(bench) || flash.isCut, flowLimitMs);
    if (flash.isCut) {
      standing = { ...bench.off(), ms: bench.clock.nowMs() + offMs };
      continue;
    }
    if (!isDone) say("stuck", `not done after ${flowLimitMs / 60_000} minutes`);
    bench.run(() => false, settleMs);
    if (before.wipeStage && bench.peer.state.nonces.length > said)
      say("lostState", "a device that is being wiped speaks as one in use");
    if (isDone) judgeEnd(measure, bench, say);
    bench.off();
    break;
  }
  return findings;
}

/** Switches on; a planned cut survives it. */
function switchOn(bench: Bench, next: Point["more"][number] | null): void {
  const { sim } = bench;
  if (next) {
    // powerOn takes a planned cut back, as a person does who mends a supply: plan it at the first sign of life.
    const silence = sim.onEvent((event) => {
      if (event.kind === "started") sim.powerCutAt(cutModelOf(next.model), next.operation);
      silence();
    });
  }
  sim.powerOn();
}
