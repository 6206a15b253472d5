/** `npm run powercut`: takes the power away at every write and erase of every flow, and looks at what becomes of it. */
import { makeRig, type Rig } from "./bench.ts";
import { replayJournal } from "./bulk.ts";
import { Crew } from "./crew.ts";
import type { FlowName } from "./flows.ts";
import type { Finding } from "./judge.ts";
import { makeMaterial } from "./material.ts";
import { type Options, readOptions, usage } from "./options.ts";
import { findPoint, uncut } from "./plan.ts";
import { Report } from "./report.ts";
import { playPoint, recordFlows, variants } from "./sweep.ts";
import type { Task } from "./worker.ts";

async function main(): Promise<number> {
  let options: Options;
  if (process.argv.includes("--help")) {
    console.log(usage);
    return 0;
  }
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`);
    return 2;
  }
  if (options.replay) return (await replay(options.replay)) ? 1 : 0;
  const say = (text: string) => void (options.json || console.log(text));
  const report = new Report(options, say);
  const crew = new Crew(tasksOf(options), (news) => report.take(news));
  await crew.run(options.jobs);
  for (const line of report.table()) say(line);
  const own = process.cpuUsage();
  console.log(JSON.stringify(report.summary(crew.cpuMs + (own.user + own.system) / 1000)));
  return report.isGood ? 0 : 1;
}

/** Flows with the most cut points: tasks of their own, so that the processes end together. */
const longFlows: FlowName[] = ["transfer", "wipe"];

/** The longest ones first. */
function tasksOf(options: Options): Task[] {
  const task = (board: string, flows: FlowName[], more: Partial<Task>): Task => ({
    ...{ board, flows, isDeep: false, places: 0, journalCuts: 0, options, ...more },
  });
  const isLong = (name: FlowName) => longFlows.includes(name);
  const tasks = options.boards.flatMap((board) => {
    const isSmallest = board === smallestBoard;
    const long = { places: options.places ?? (isSmallest ? 3 : 0) };
    const short = { ...long, journalCuts: options.journalCuts };
    return [
      ...options.flows.filter(isLong).map((name) => task(board, [name], long)),
      task(
        board,
        options.flows.filter((name) => !isLong(name)),
        short,
      ),
    ];
  });
  if (options.doubles && options.boards.includes(smallestBoard))
    tasks.unshift(task(smallestBoard, options.flows, { isDeep: true }));
  return tasks;
}

/** Whose starts are cut again, and whose journal changes halves at all places. */
const smallestBoard = "puckjs";

/** Plays one cut again and tells every event. @returns true when it ends badly */
async function replay(id: string): Promise<boolean> {
  const [boardId = "", flow] = id.split(":");
  let findings: Finding[];
  if (flow === "journal") findings = replayJournal(id);
  else {
    const rig = await makeRig(await makeMaterial(boardId));
    if (id.split(":")[2] === uncut) return replayUncut(rig, flow);
    const { recorded, point, seed, play } = findPoint(rig, id);
    const { kind, addr, units } = point.op;
    console.log(`${id}: ${kind} of ${units} units at 0x${addr.toString(16)}`);
    findings = playPoint(recorded, point, seed, play, { event: console.log });
  }
  for (const { outcome, text } of findings) console.log(`${outcome}: ${text}`);
  console.log(findings.length ? "ends badly" : "ends well");
  return findings.length > 0;
}

/** Goes through a flow without a cut. @returns true when it does not end */
function replayUncut(rig: Rig, flow: string | undefined): boolean {
  let text = "";
  const failed = (_name: FlowName, { message }: Error) => void (text = message);
  recordFlows(rig, (name) => name === flow, "core", variants, failed);
  console.log(text ? `stuck: ${text}` : "ends well");
  return text !== "";
}

process.exitCode = await main();
