import type { FlowName } from "./flows.ts";
import type { Finding } from "./judge.ts";
import type { Material } from "./material.ts";
import type { ModelName } from "./points.ts";
import { type Point, playPoint, pointId, type Recorded, recordFlows } from "./sweep.ts";

/** How cuts were played. */
export type Level = "board" | "double" | "repeat" | "journal";

/** What a sweep tells while it runs. */
export type News =
  | { kind: "at"; id: string }
  | { kind: "row"; board: string; flow: string; level: Level; cuts: number; points: number }
  | { kind: "bad"; id: string; findings: Finding[] };

/** A share of a sweep: every `of`-th cut from `index` on. */
export interface Share {
  index: number;
  of: number;
}

export interface BoardSweep {
  material: Material;
  flows: FlowName[];
  seed: number;
  limit: number;
  /** also cut the starts that follow a cut, and one place many times */
  isDeep: boolean;
  share: Share;
}

/** Cuts of one place in a row: so often a cell in a cold shed gives up. */
const repeats = 300;
const doublesPerFlow = 60;

/** Plays a share of all cuts of one board's flows on the whole board. */
export function sweepBoard(sweep: BoardSweep, tell: (news: News) => void): void {
  const { material, flows, limit, isDeep } = sweep;
  for (const recorded of recordFlows(material, (name) => flows.includes(name))) {
    const every = limit ? Math.max(1, Math.ceil(recorded.points.length / limit)) : 1;
    play(sweep, recorded, "board", spread(recorded.points, every), tell);
    if (!isDeep) continue;
    play(sweep, recorded, "double", doubles(recorded, limit || doublesPerFlow), tell);
    play(sweep, recorded, "repeat", repeated(recorded), tell);
  }
}

function play(
  { share, seed }: BoardSweep,
  recorded: Recorded,
  level: Level,
  points: Point[],
  tell: (news: News) => void,
): void {
  const { material, flow } = recorded.measure;
  let cuts = 0;
  points.forEach((point, i) => {
    if (i % share.of !== share.index) return;
    const id = pointId(recorded, point, seed);
    tell({ kind: "at", id });
    const findings = playPoint(recorded, point, seed);
    cuts += 1 + point.more.reduce((sum, cut) => sum + cut.times, 0);
    if (findings.length) tell({ kind: "bad", id, findings });
  });
  const { boardId } = material;
  const counted = recorded.points.length;
  if (cuts) tell({ kind: "row", board: boardId, flow: flow.name, level, cuts, points: counted });
}

const spread = <T>(all: T[], every: number) =>
  all.filter((_, i) => i % every === Math.floor(every / 2));

/** Cuts whose following start is cut as well, at its first operations. */
function doubles(recorded: Recorded, count: number): Point[] {
  const models: ModelName[] = ["half", "bits", "weak", "before"];
  const first = spread(recorded.points, Math.max(1, Math.floor(recorded.points.length / count)));
  return first.map((point, i) => ({
    ...point,
    more: [{ operation: i % 7, model: models[i % models.length]!, times: 1 }],
  }));
}

/** One place that is cut again and again. A trial would end by design after ten starts, so only flows without one. */
function repeated(recorded: Recorded): Point[] {
  const { name } = recorded.measure.flow;
  if (name !== "claim" && name !== "settings" && name !== "wipe") return [];
  const point = recorded.points[Math.floor(recorded.points.length / 2)]!;
  return [{ ...point, more: [{ operation: 1, model: "bits", times: repeats - 1 }] }];
}

/** The cut of an id. @throws Error for an id that names none */
export function findPoint(
  material: Material,
  id: string,
): { recorded: Recorded; point: Point; seed: number } {
  const [, flow, op, cuts = "", seed = "1"] = id.split(":");
  const [model, ...rest] = cuts.split("+");
  const recorded = recordFlows(material, (name) => name === flow)[0];
  const point = recorded?.points.find((p) => p.op.index === Number(op) && p.model === model);
  if (!recorded || !point) throw new Error(`--replay: there is no cut ${id}`);
  const more = rest.map((text) => {
    const match = /^(\d+)\.(\w+)(?:\*(\d+))?$/.exec(text);
    if (!match) throw new Error(`--replay: expected operation.model, got ${text}`);
    const times = Number(match[3] ?? 1);
    return { operation: Number(match[1]), model: match[2] as ModelName, times };
  });
  return { recorded, point: { ...point, more }, seed: Number(seed) };
}
