/** One process of a sweep: takes tasks one by one. */
import { type Rig, rigOf } from "./bench.ts";
import { playJournal } from "./bulk.ts";
import type { FlowName } from "./flows.ts";
import type { Material } from "./material.ts";
import type { Options } from "./options.ts";
import { type News, sweepBoard, sweepDeep } from "./plan.ts";

/** A board's single cuts of some flows, or what goes deeper, and some of its journal's. */
export interface Task {
  board: string;
  flows: FlowName[];
  isDeep: boolean;
  /** of each flow, at which its journal changes halves */
  places: number;
  journalCuts: number;
  options: Options;
}

/** What a process is given: what is swept was built once for all. */
export interface Order {
  task: Task;
  material: Material;
  code: string;
}

/** A task's end, and the processor's time that it took. */
export interface End {
  kind: "end";
  cpuMs: number;
}

const tell = (news: News | End) => void process.send!(news);

// A cut is an exception, thrown many times a second; nobody reads where from.
Error.stackTraceLimit = 0;

let known: { board: string; rig: Rig } | null = null;

function run({ task, material, code }: Order): void {
  const { board, flows, isDeep, places, journalCuts, options } = task;
  if (known?.board !== board) known = { board, rig: rigOf(material, code) };
  const { seed, limit, draws, boardCuts } = options;
  const sweep = { rig: known.rig, flows, seed, draws, limit, boardCuts, variants: places };
  if (isDeep) sweepDeep(sweep, options.doubles, tell);
  else if (flows.length) sweepBoard(sweep, tell);
  if (journalCuts) playJournal(board, journalCuts, options.seed, tell);
}

process.on("message", (order: Order) => {
  run(order);
  const { user, system } = process.cpuUsage();
  tell({ kind: "end", cpuMs: (user + system) / 1000 });
});
