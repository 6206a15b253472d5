/** One process of a sweep: takes tasks one by one. */
import { makeRig, type Rig } from "./bench.ts";
import { playJournal } from "./bulk.ts";
import { makeMaterial } from "./material.ts";
import type { Options } from "./options.ts";
import { type News, sweepBoard, sweepDeep } from "./plan.ts";

/** One board's single cuts, or what goes deeper. */
export interface Task {
  board: string;
  isDeep: boolean;
  options: Options;
}

const tell = (news: News | { kind: "end" }) => void process.send!(news);

// A cut is an exception, thrown many times a second; nobody reads where from.
Error.stackTraceLimit = 0;

let known: { board: string; rig: Rig } | null = null;

async function run({ board, isDeep, options }: Task): Promise<void> {
  if (known?.board !== board) known = { board, rig: await makeRig(await makeMaterial(board)) };
  const { flows, seed, limit, draws, boardCuts } = options;
  const sweep = { rig: known.rig, flows, seed, draws, limit, boardCuts };
  if (isDeep) sweepDeep(sweep, options.doubles, tell);
  else {
    sweepBoard(sweep, tell);
    playJournal(board, options.journalCuts, seed, tell);
  }
}

process.on("message", (task: Task) => {
  run(task).then(
    () => tell({ kind: "end" }),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
});
