/** `npm run demo`: the life of a fleet, told while it happens. Everything it shows is done by the real code. */
import { badRelease } from "./chapters/badRelease.ts";
import { birth } from "./chapters/birth.ts";
import { claim } from "./chapters/claim.ts";
import { decommission } from "./chapters/decommission.ts";
import { forgeries } from "./chapters/forgeries.ts";
import { update } from "./chapters/update.ts";
import { vitals } from "./chapters/vitals.ts";
import { wrongFigures } from "./expected.ts";
import { type Facts, readFacts } from "./facts.ts";
import { type DemoOptions, help, readOptions } from "./options.ts";
import { Stage } from "./stage.ts";
import { chooseView } from "./view.ts";

const chapters = [birth, claim, vitals, update, badRelease, forgeries, decommission];
const interruptedCode = 130;

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options === "help") {
    process.stdout.write(help);
    return 0;
  }
  if ("wrong" in options) {
    process.stderr.write(`${options.wrong}\nSee: npm run demo -- --help\n`);
    return 2;
  }
  return play(options);
}

async function play(options: DemoOptions): Promise<number> {
  const startedMs = Date.now();
  const interrupt = new AbortController();
  const view = chooseView(process.stdout, options.plain);
  const stage = new Stage(options, view, interrupt.signal);
  const stop = () => interrupt.abort(new Error("interrupted"));
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  process.on("exit", () => stage.killChildren());
  try {
    const givenUp = rejectionOf(interrupt.signal);
    for (const [at, chapter] of chapters.entries()) {
      view.chapter(at + 1, chapters.length, chapter.title);
      await Promise.race([chapter.play(stage), givenUp]);
    }
    view.busy("reading every figure from the agent's log and the flash images");
    const facts = await readFacts(stage, startedMs);
    return await finish(stage, facts, interrupt.signal);
  } catch (error) {
    view.close();
    await stage.close();
    if (interrupt.signal.aborted) {
      stage.removeFolder();
      process.stdout.write(
        "Interrupted: everything that ran is ended, the work folder is removed.\n",
      );
      return interruptedCode;
    }
    process.stderr.write(`${(error as Error).stack}\n`);
    return tellFailure(stage, { failed: (error as Error).message });
  }
}

/** Rejects when the signal says so, whatever a chapter waits for then. */
function rejectionOf(signal: AbortSignal): Promise<never> {
  const rejection = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  // Between two chapters nobody listens, and that is no error.
  rejection.catch(() => undefined);
  return rejection;
}

/** Checks the figures, ends or keeps everything, and prints the last line. */
async function finish(stage: Stage, facts: Facts, interrupted: AbortSignal): Promise<number> {
  const { view, options } = stage;
  const wrong = wrongFigures(facts);
  for (const sentence of wrong) view.wrong(sentence);
  if (!wrong.length) view.good(`Every figure is right, after ${facts.seconds} s.`);
  if (options.keep) await keepRunning(stage, facts, interrupted);
  view.close();
  await stage.close();
  if (wrong.length) return tellFailure(stage, { ...facts, wrong });
  stage.removeFolder();
  if (!options.keep) printJson(facts);
  return 0;
}

/** Leaves agent and fleet to the person until Ctrl-C. */
async function keepRunning(stage: Stage, facts: Facts, interrupted: AbortSignal): Promise<void> {
  const { view, agent, boards } = stage;
  boards.endTimeLapse();
  stage.builder.stop();
  view.close();
  process.stdout.write(
    `\nThe agent and the fleet go on until Ctrl-C.\n` +
      `  address  ${agent.httpUrl}  (routes: ${agent.httpUrl}/openapi.json)\n` +
      `  token    ${agent.adminToken}\n` +
      `  try      curl -H "Authorization: Bearer ${agent.adminToken}" ${agent.httpUrl}/v1/summary\n`,
  );
  printJson(facts);
  await new Promise<void>((resolve) => {
    if (interrupted.aborted) resolve();
    interrupted.addEventListener("abort", () => resolve(), { once: true });
  });
}

function tellFailure(stage: Stage, last: object): number {
  process.stdout.write(`Kept for a look (agent.log is in agent/): ${stage.dir}\n`);
  printJson({ ...last, workFolder: stage.dir });
  return 1;
}

function printJson(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

main().then(
  (code) => process.exit(code),
  (error: Error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  },
);
