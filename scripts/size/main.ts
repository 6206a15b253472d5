/** `npm run size`: bytes of every part and the cost of a check-in, per board, against the board files' budgets. */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { boards } from "../../boards/index.ts";
import { measureSizes, overBudget } from "./measure.ts";
import { baselineFile, readBaseline, sizeReport, toBaseline } from "./report.ts";

const help = `npm run size [-- --board <id> --json --save]

Flash bytes of each part of core and framework and of an example app; bytes, radio time and flash
operations of one check-in, counted on a simulated board that runs the shipped texts.
Ends with 1 when a number is over the budget of its board file.

  --board <id>  one of ${Object.keys(boards).join(", ")}; default all
  --json        one JSON document instead of the table
  --save        make these numbers the baseline that "change" counts from
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      board: { type: "string" },
      json: { type: "boolean" },
      save: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  if (values.board !== undefined && !Object.hasOwn(boards, values.board)) {
    process.stderr.write(`--board: expected ${Object.keys(boards)}, got "${values.board}"\n`);
    return 2;
  }
  const lines = await measureSizes(values.board === undefined ? undefined : [values.board]);
  const baseline = readBaseline();
  const over = overBudget(lines);
  if (values.json) process.stdout.write(`${JSON.stringify({ lines, baseline, over })}\n`);
  else process.stdout.write(sizeReport(lines, baseline));
  for (const line of over) process.stderr.write(`over budget: ${line}\n`);
  if (values.save) {
    const saved = { ...baseline, ...toBaseline(lines) };
    writeFileSync(baselineFile, `${JSON.stringify(saved, null, 2)}\n`);
  }
  return over.length ? 1 : 0;
}

main().then(
  (code) => process.exit(code),
  (error: Error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  },
);
