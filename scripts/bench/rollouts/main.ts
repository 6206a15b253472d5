/** npm run bench:rollouts: how many bad releases the verdict catches, how many good ones it halts, and how long a rehearsal
 *  takes. */
import { availableParallelism } from "node:os";
import { harmless, planted, sensitivity } from "../../sim/field/model.ts";
import { type BenchOptions, help, readOptions } from "./options.ts";
import { playAll } from "./pool.ts";
import { type RehearsalRow, rehearsalName, rehearsalText, rehearseForBench } from "./rehearsal.ts";
import { type Row, rowOf, tableOf } from "./table.ts";

const devices = 1000;
/** Bars: caught before wave 2, and false halts, as shares. */
const caughtMin = 0.95;
const falseHaltsMax = 0.05;
/** Rows without a bar show an order of magnitude: a quarter of the seeds is enough. */
const sensitivityShare = 1 / 4;
/** Two cores are what the figures are stated for. */
const threadsMax = 2;

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options === "help") {
    process.stdout.write(help);
    return 0;
  }
  if ("wrong" in options) {
    process.stderr.write(`${options.wrong}\nSee: npm run bench:rollouts -- --help\n`);
    return 2;
  }
  const startedMs = performance.now();
  const rows: Row[] = [];
  for (const { name, defect, bar } of cases(options)) {
    const row = await measure(options, name, defect, bar);
    rows.push(row);
    process.stderr.write(`${name}: ${row.seconds} s\n`);
    if (options.isTellingReasons)
      for (const line of row.oddities) process.stdout.write(`${line}\n`);
  }
  const seconds = Math.round((performance.now() - startedMs) / 100) / 10;
  if (rows.length > 0) process.stdout.write(`${tableOf(rows)}\n`);
  const rehearsal = rehearsalName.includes(options.only) ? await rehearseForBench() : null;
  if (rehearsal !== null) process.stdout.write(`${rehearsalText(rehearsal)}\n`);
  const holds = rows.every((row) => row.holds !== false) && rehearsal?.holds !== false;
  process.stdout.write(`${JSON.stringify(summary(options, rows, rehearsal, seconds, holds))}\n`);
  return holds ? 0 : 1;
}

function summary(
  options: BenchOptions,
  rows: Row[],
  rehearsal: RehearsalRow | null,
  seconds: number,
  holds: boolean,
) {
  const figures = rows.map(({ oddities: _, ...row }) => row);
  const { seeds } = options;
  return { bench: "rollouts", seeds, devices, rows: figures, rehearsal, seconds, holds };
}

function cases({ only, isBarOnly }: BenchOptions) {
  const named = (defects: typeof planted, bar: Row["bar"]) =>
    Object.entries(defects).map(([name, defect]) => ({ name, defect, bar }));
  return [
    ...named(planted, { caughtMin }),
    ...named({ harmless }, { falseHaltsMax }),
    ...(isBarOnly ? [] : named(sensitivity, null)),
  ].filter(({ name }) => name.includes(only));
}

async function measure(
  { seeds, first }: BenchOptions,
  name: string,
  defect: (typeof planted)[string],
  bar: Row["bar"],
): Promise<Row> {
  const startedMs = performance.now();
  const runs = bar === null ? Math.ceil(seeds * sensitivityShare) : seeds;
  const plans = Array.from({ length: runs }, (_, index) => ({
    seed: first + index,
    devices,
    defect,
  }));
  const played = await playAll(plans, Math.min(threadsMax, availableParallelism()));
  const seconds = Math.round((performance.now() - startedMs) / 100) / 10;
  return rowOf(name, played, bar, seconds);
}

process.exitCode = await main();
