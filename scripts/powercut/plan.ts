import type { Play, Rig } from "./bench.ts";
import type { FlowName } from "./flows.ts";
import type { Finding } from "./judge.ts";
import { Memo } from "./memo.ts";
import { drawsOf, type ModelName } from "./points.ts";
import { type Point, playPoint, pointId, type Recorded, recordFlows, variants } from "./sweep.ts";

/** How cuts were played: as Play says, or "double" = the next start is cut as well, "repeat" = one place many times (both on
 *  "core"), "journal" = the journal alone. */
export type Level = Play | "double" | "repeat" | "journal";

/** What a sweep tells while it runs. */
export type News =
  | { kind: "at"; id: string }
  | {
      kind: "row";
      board: string;
      flow: string;
      level: Level;
      cuts: number;
      states: number;
      ends: number;
    }
  | { kind: "bad"; id: string; findings: Finding[] };

export interface BoardSweep {
  rig: Rig;
  flows: FlowName[];
  seed: number;
  /** further draws of the models that are drawn */
  draws: number;
  /** at most so many cuts of each flow by each play, spread over it; 0 = all by "core" */
  limit: number;
  /** cuts of each flow by "board" */
  boardCuts: number;
  /** journals that change halves inside the flow, besides the one that does not */
  variants?: number;
}

/** Cuts of one place in a row: so often a cell in a cold shed gives up. */
const repeats = 300;

/** Records flows; one that does not end without a cut is a finding of its own. */
function recordAll({ rig, flows }: BoardSweep, count: number, tell: (news: News) => void) {
  const board = rig.material.board.id;
  return recordFlows(
    rig,
    (name) => flows.includes(name),
    "core",
    count,
    (name, { message }) => {
      const id = `${board}:${name}:${uncut}`;
      tell({ kind: "bad", id, findings: [{ outcome: "stuck", text: message }] });
    },
  );
}

/** In the place of the operation in an id: the flow without any cut. */
export const uncut = "uncut";

/** Plays the single cuts of one board's flows. */
export function sweepBoard(sweep: BoardSweep, tell: (news: News) => void): void {
  const { limit, draws, boardCuts } = sweep;
  const memo = new Memo();
  for (const recorded of recordAll(sweep, sweep.variants ?? variants, tell)) {
    const share = Math.ceil(boardCuts / ((sweep.variants ?? variants) + 1));
    const points = recorded.points.flatMap((point) => drawn(point, draws));
    play(sweep, recorded, "core", spread(points, limit), tell, memo);
    // None, not all, as for the others: a whole board's start costs as much as a hundred of the core's.
    if (share > 0) play(sweep, recorded, "board", spread(recorded.points, share), tell, memo);
  }
}

/** Cuts also what follows a cut, and one place many times. */
export function sweepDeep(sweep: BoardSweep, doubles: number, tell: (news: News) => void): void {
  const memo = new Memo();
  for (const recorded of recordAll(sweep, 1, tell)) {
    play(sweep, recorded, "double", doublesOf(recorded, doubles), tell, memo);
    play(sweep, recorded, "repeat", repeated(recorded), tell, memo);
  }
}

function play(
  { seed }: BoardSweep,
  recorded: Recorded,
  level: Level,
  points: Point[],
  tell: (news: News) => void,
  memo: Memo,
): void {
  const playedBefore = memo.played;
  const way: Play = level === "board" ? "board" : "core";
  const { flow, rig } = recorded.measure;
  const states = new Set<string>();
  let cuts = 0;
  const standing = ({ flash }: { flash: { fingerprint(): string } }) =>
    void states.add(flash.fingerprint());
  for (const point of points) {
    const id = pointId(recorded, point, seed, way);
    tell({ kind: "at", id });
    const findings = playPoint(recorded, point, seed, way, { standing, memo });
    // The first cut of two was counted when it was played alone.
    const more = point.more.reduce((sum, cut) => sum + cut.times, 0);
    cuts += level === "double" ? more : 1 + more;
    if (findings.length) tell({ kind: "bad", id, findings });
  }
  const board = rig.material.board.id;
  const counts = { cuts, states: states.size, ends: memo.played - playedBefore };
  if (cuts) tell({ kind: "row", board, flow: flow.name, level, ...counts });
}

/** About `count` of them, evenly; 0 = all. */
function spread<T>(all: T[], count: number): T[] {
  const every = count ? Math.max(1, all.length / count) : 1;
  return all.filter((_, i) => Math.floor((i + 1) / every) > Math.floor(i / every));
}

const drawn = (point: Point, draws: number): Point[] =>
  point.model === "bits"
    ? [point, ...drawsOf(draws).map((model) => ({ ...point, model }))]
    : [point];

/** Cuts whose following start is cut as well, at one of its first operations. */
function doublesOf(recorded: Recorded, count: number): Point[] {
  const models: ModelName[] = ["half", "bits", "weak", "before"];
  const { points } = recorded;
  const rounds = Math.max(1, Math.round(count / points.length));
  return Array.from({ length: rounds }, (_, round) =>
    spread(points, count).map((point, i): Point => {
      const operation = (i + 5 * round) % 13;
      const model = models[(i + round) % models.length]!;
      return { ...point, more: [{ operation, model, times: 1 }] };
    }),
  ).flat();
}

/** Places that are cut again and again. A trial would end by design after ten starts, so only flows without one. */
function repeated(recorded: Recorded): Point[] {
  const { name } = recorded.measure.flow;
  if (!["claim", "settings", "transfer", "wipe"].includes(name)) return [];
  const point = recorded.points[Math.floor(recorded.points.length / 2)]!;
  const models: ModelName[] = ["bits", "weak"];
  return models.map((model) => ({ ...point, more: [{ operation: 1, model, times: repeats - 1 }] }));
}

/** The cut of an id. @throws Error for an id that names none */
export function findPoint(
  rig: Rig,
  id: string,
): { recorded: Recorded; point: Point; seed: number; play: Play } {
  const none = () => new Error(`--replay: there is no cut ${id}`);
  const [, flow = "", op, cuts = "", seed, way] = id.split(":");
  const [name, variant = "0"] = flow.split(".");
  const [model, ...rest] = cuts.split("+");
  if (way !== "core" && way !== "board") throw none();
  const recorded = recordFlows(rig, (one) => one === name).find(
    (one) => one.variant === Number(variant),
  );
  const operation = recorded?.operations[Number(op)];
  const isDrawn = /^(bits|weak)\d*$/.test(model ?? "");
  const isPoint = recorded?.points.some((p) => p.op === operation && p.model === model);
  if (!recorded || !operation || !(isDrawn || isPoint)) throw none();
  const more = rest.map((text) => {
    const match = /^(\d+)\.(\w+)(?:\*(\d+))?$/.exec(text);
    if (!match) throw new Error(`--replay: expected operation.model, got ${text}`);
    const times = Number(match[3] ?? 1);
    return { operation: Number(match[1]), model: match[2] as ModelName, times };
  });
  const point = { op: operation, model: model as ModelName, more };
  return { recorded, point, seed: Number(seed), play: way };
}
