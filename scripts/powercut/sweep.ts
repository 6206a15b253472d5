import { Bench, type Play, type Rig, type Standing } from "./bench.ts";
import { type Flow, type FlowName, flowNames, makeFlows } from "./flows.ts";
import { flowLimitMs, Ground, NoEnd } from "./ground.ts";
import { type Finding, judgeEnd, judgeStart, type Measure, type Outcome } from "./judge.ts";
import type { Memo } from "./memo.ts";
import { clonePeer } from "./peer.ts";
import { cutModelOf, type ModelName, modelsOf, type Operation, tap, tear } from "./points.ts";
import { type FlashView, viewOf } from "./view.ts";

/** One operation cut in one way; `more` are cuts of the starts that follow, counted in operations of that start. */
export interface Point {
  op: Operation;
  model: ModelName;
  more: { operation: number; model: ModelName; times: number }[];
}

/** A flow that was gone through once, with all its operations. */
export interface Recorded {
  measure: Measure;
  /** 0 = with the journal as it is; n = with so little room left that it changes halves at the n-th place of the flow */
  variant: number;
  operations: Operation[];
  points: Point[];
}

/** The power comes back at the next full hour, so that cuts of one flow leave devices that are equal in this as well. */
const offMs = 5000;
const hourMs = 3_600_000;
const backMs = (ms: number) => Math.ceil((ms + offMs) / hourMs) * hourMs;
const settleMs = 3000;
/** Places of a flow at which the journal is made to change halves. */
export const variants = 3;
/** The middle one first: a sweep of few places begins with it. */
const variantOrder = [2, 1, 3];

/** Goes through each wanted flow once for each variant and lists its cut points.
 *  @param failed told of a flow that does not end without a cut, instead of throwing NoEnd */
export function recordFlows(
  rig: Rig,
  wanted: (name: FlowName) => boolean,
  play: Play = "core",
  variantCount = variants,
  failed?: (name: FlowName, error: NoEnd) => void,
): Recorded[] {
  const ground = new Ground(rig);
  const record = (name: FlowName) =>
    makeFlows(rig, (one) => one === name, ground).flows.flatMap((flow) => {
      const plain = recordFlow(rig, flow, 0, play);
      const more = variantOrder
        .slice(0, variantCount)
        .map((n) => recordFlow(rig, withLittleRoom(rig, ground, plain, n), n, play));
      return [plain, ...more];
    });
  return flowNames.filter(wanted).flatMap((name) => {
    try {
      return record(name);
    } catch (error) {
      if (!failed || !(error instanceof NoEnd)) throw error;
      failed(name, error);
      return [];
    }
  });
}

/** The flow on a journal that changes halves about `variant` quarters through what the flow writes to it. */
function withLittleRoom(rig: Rig, ground: Ground, plain: Recorded, variant: number): Flow {
  const { plan, pageBytes, flashStart } = rig.material.board;
  const from = flashStart + plan.journalPage * pageBytes;
  const to = from + 2 * plan.journalHalfPages * pageBytes;
  const written = plain.operations
    .filter(({ addr }) => addr >= from && addr < to)
    .reduce((sum, { data }) => sum + (data?.length ?? 0), 0);
  const { flow } = plain.measure;
  const roomBytes = Math.floor((written * (2 * variant - 1)) / (2 * variants));
  return { ...flow, start: ground.withRoom(flow.start, roomBytes) };
}

function recordFlow(rig: Rig, flow: Flow, variant: number, play: Play): Recorded {
  const operations: Operation[] = [];
  const flash = flow.start.flash.fork();
  const bench = new Bench(rig, { ...flow.start, flash }, play);
  let isOpen = true;
  tap(flash, (op) => {
    if (!isOpen) return;
    const peer = clonePeer(bench.peer.state);
    const before = { flash: flash.fork(), peer, ms: bench.clock.nowMs() };
    operations.push({ ...op, index: operations.length, before });
  });
  bench.sim.powerOn();
  const isDone = () => bench.run(() => flow.isDone(bench), flowLimitMs);
  if (!bench.run(() => flow.isRecorded(bench), flowLimitMs))
    throw new NoEnd(`${flow.name} does not end without a cut`);
  isOpen = flow.isRecorded === flow.isDone;
  if (!isDone()) throw new NoEnd(`${flow.name} does not end without a cut`);
  bench.run(() => false, settleMs);
  const { board } = rig.material;
  const measure = { rig, flow, start: viewOf(board, flow.start.flash), end: viewOf(board, flash) };
  const points = operations.flatMap((op) =>
    modelsOf(board, op).map((model): Point => ({ op, model, more: [] })),
  );
  return { measure, variant, operations, points };
}

/** The id that plays a cut again. */
export function pointId(recorded: Recorded, point: Point, seed: number, play: Play): string {
  const { measure, variant } = recorded;
  const flow = measure.flow.name + (variant ? `.${variant}` : "");
  const cuts = [
    point.model,
    ...point.more.map(
      ({ operation, model, times }) => `${operation}.${model}${times > 1 ? `*${times}` : ""}`,
    ),
  ].join("+");
  return [measure.rig.material.board.id, flow, point.op.index, cuts, seed, play].join(":");
}

const views = new WeakMap<Operation, FlashView>();
function viewBefore({ rig }: Measure, op: Operation): FlashView {
  let view = views.get(op);
  if (!view) views.set(op, (view = viewOf(rig.material.board, op.before.flash)));
  return view;
}

/** What watches a cut being played. */
export interface Watch {
  /** every event, to show a replay */
  event?: (text: string) => void;
  /** the device before each start that follows a cut */
  standing?: (standing: Standing) => void;
  /** the device when all is judged */
  end?: (standing: Standing) => void;
  /** ends that are known; absent = every cut is played to its end */
  memo?: Memo;
}

/** Plays one cut: tears the operation on a fork, switches a new board on with what its cloud knew, judges, and goes on
 *  until the flow is done. */
export function playPoint(
  recorded: Recorded,
  point: Point,
  seed: number,
  play: Play,
  watch: Watch = {},
): Finding[] {
  const { measure } = recorded;
  const { flow, rig } = measure;
  const { op } = point;
  const findings: Finding[] = [];
  const say = (outcome: Outcome, text: string) => void findings.push({ outcome, text });
  // The play is no part of what is drawn: both plays of a cut begin with the same torn bits.
  const id = pointId(recorded, point, seed, "core");
  const flash = tear(op, point.model, id);
  let standing: Standing = { flash, peer: op.before.peer, ms: backMs(op.before.ms) };
  let before = viewBefore(measure, op);
  const cuts = point.more.flatMap((cut) => Array.from({ length: cut.times }, () => cut));
  for (const next of [...cuts, null]) {
    watch.standing?.(standing);
    const bench = new Bench(rig, standing, play, `${flow.name} ${seed}`);
    if (watch.event) bench.sim.onEvent((event) => watch.event!(JSON.stringify(event)));
    if (next) bench.sim.powerCutAt(cutModelOf(next.model), next.operation);
    switchOn(bench, next);
    // A start that was cut itself has nothing to be judged yet.
    if (!bench.sim.flash.isCut) {
      before = judgeStart(measure, bench, before, say);
      const atStart = findings.length;
      const going = next ? undefined : watch.memo?.going(flow.name, bench);
      if (going?.findings) return [...findings, ...going.findings];
      const said = bench.peer.state.nonces.length;
      const isDone = bench.run(() => flow.isDone(bench) || flash.isCut, flowLimitMs);
      if (!flash.isCut) {
        if (!isDone) say("stuck", `not done after ${flowLimitMs / 60_000} minutes`);
        bench.run(() => false, settleMs);
        if (before.wipeStage && flow.name === "wipe" && bench.peer.state.nonces.length > said)
          say("lostState", "a device that is being wiped speaks as one in use");
        if (isDone) judgeEnd(measure, bench, say);
        if (going) findings.push(...going.ended(findings.slice(atStart)));
        watch.end?.(bench.off());
        break;
      }
    }
    standing = { ...bench.off(), ms: backMs(bench.clock.nowMs()) };
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
