/** `npm run powercut`: takes the power away at every write and erase of every flow, and looks at what becomes of it. */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { makeRig } from "./bench.ts";
import { replayJournal } from "./bulk.ts";
import type { Finding } from "./judge.ts";
import { makeMaterial } from "./material.ts";
import { type Options, readOptions, usage } from "./options.ts";
import { findPoint, type News } from "./plan.ts";
import { Report } from "./report.ts";
import { playPoint } from "./sweep.ts";
import type { Task } from "./worker.ts";

/** A start that has not ended after this much of the host's time never will. */
const silenceMsMax = 120_000;

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
  const tasks = tasksOf(options);
  const workers = Array.from({ length: options.jobs }, () => runTasks(tasks, report));
  await Promise.all(workers);
  for (const line of report.table()) say(line);
  console.log(JSON.stringify(report.summary()));
  return report.isGood ? 0 : 1;
}

/** The longest ones first, so that the processes end together. */
function tasksOf(options: Options): Task[] {
  const single = options.boards.map((board) => ({ board, isDeep: false, options }));
  const smallest = options.boards.find((board) => board === "puckjs");
  if (!smallest || !options.doubles) return single;
  return [{ board: smallest, isDeep: true, options }, ...single];
}

/** One process until no task is left, or to its silence. Processes, because the TypeScript loader does not reach into
 *  threads. */
function runTasks(tasks: Task[], report: Report): Promise<void> {
  return new Promise((resolve, reject) => {
    const file = fileURLToPath(new URL("./worker.ts", import.meta.url));
    // Most of what a cut leaves behind is garbage at once: a large nursery saves a fifth of the time.
    const execArgv = ["--import", "tsx", "--max-semi-space-size=64"];
    const worker = fork(file, { execArgv, serialization: "advanced" });
    let at = "";
    let timer: NodeJS.Timeout;
    let isOver = false;
    const end = () => {
      isOver = true;
      clearTimeout(timer);
      worker.kill("SIGKILL");
      resolve();
    };
    const listen = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        const text = "device code does not return";
        report.take({ kind: "bad", id: at, findings: [{ outcome: "stuck", text }] });
        end();
      }, silenceMsMax);
    };
    const next = () => {
      const task = tasks.shift();
      if (task) worker.send(task);
      else end();
    };
    listen();
    next();
    worker.on("message", (news: News | { kind: "end" }) => {
      listen();
      if (news.kind === "at") at = news.id;
      else if (news.kind === "end") next();
      else report.take(news);
    });
    worker.on("exit", (code) => {
      clearTimeout(timer);
      if (!isOver) reject(new Error(`powercut: a worker ended with code ${code} at ${at}`));
    });
  });
}

/** Plays one cut again and tells every event. @returns true when it ends badly */
async function replay(id: string): Promise<boolean> {
  const [boardId = "", flow] = id.split(":");
  let findings: Finding[];
  if (flow === "journal") findings = replayJournal(id);
  else {
    const rig = await makeRig(await makeMaterial(boardId));
    const { recorded, point, seed, play } = findPoint(rig, id);
    const { kind, addr, units } = point.op;
    console.log(`${id}: ${kind} of ${units} units at 0x${addr.toString(16)}`);
    findings = playPoint(recorded, point, seed, play, { event: console.log });
  }
  for (const { outcome, text } of findings) console.log(`${outcome}: ${text}`);
  console.log(findings.length ? "ends badly" : "ends well");
  return findings.length > 0;
}

process.exitCode = await main();
