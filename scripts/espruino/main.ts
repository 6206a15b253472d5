/** `npm run espruino`: the device code on the real interpreter, from birth to wipe, against a running agent. */
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Board, boards } from "../../boards/index.ts";
import { type Shape, shapeOf } from "./interpreter.ts";
import { boardFor, fits, standIn } from "./standIn.ts";
import { playStory } from "./story.ts";

const help = `npm run espruino: skipped, because ESPRUINO_BIN is not set.

The device code has to run on the interpreter itself, not only on Node. Get the interpreter's source
(github.com/espruino/Espruino), build its Linux target, and name the program:

  ESPRUINO_BIN=/path/to/espruino npm run espruino

The plain Linux build plays board "linux" (MQTT over TCP). A 32-bit build with 2,630 variables and ten
4 kB pages of flash stands in for a Puck.js and speaks through a gateway.

  ESPRUINO_BIN=… npm run espruino -- --board microbit2

plays the plan of any board whose flash the binary has (pages and their bytes), with its budgets, its way to
update, and without the native functions that it lacks: hashes and ciphers are then JavaScript.
`;

const unfit = (shape: Shape, wanted: string) =>
  `ESPRUINO_BIN: expected ${wanted}, found ${shape.totalBytes} bytes in pages of ${shape.pageBytes}\n`;

/** Picks what is played. @returns a message of what does not fit instead */
function boardOf(shape: Shape, id: string | undefined): Board | string {
  if (id === undefined)
    return (
      boardFor(shape) ?? unfit(shape, "256 pages of 1,024 bytes (linux) or ten of 4,096 (puckjs)")
    );
  const board = Object.hasOwn(boards, id) ? boards[id]! : null;
  if (!board) return `--board: expected one of ${Object.keys(boards).join(", ")}, got "${id}"\n`;
  const { plan, pageBytes } = board;
  return fits(board, shape)
    ? standIn(board)
    : unfit(shape, `${plan.totalPages} pages of ${pageBytes} bytes (${id})`);
}

async function main(): Promise<number> {
  const bin = process.env.ESPRUINO_BIN;
  if (!bin) {
    process.stdout.write(help);
    return 0;
  }
  if (!existsSync(bin)) {
    process.stderr.write(
      `ESPRUINO_BIN: expected the interpreter's program, found no file at ${bin}\n`,
    );
    return 2;
  }
  const shape = await shapeOf(bin);
  const { values } = parseArgs({ options: { board: { type: "string" } } });
  const board = boardOf(shape, values.board);
  if (typeof board === "string") {
    process.stderr.write(board);
    return 2;
  }
  print(shape, board.name);
  const result = await playStory(bin, board, (line) => process.stdout.write(`${line}\n`));
  process.stdout.write(`${JSON.stringify({ ...shape, ...result })}\n`);
  return result.failures.length ? 1 : 0;
}

function print(shape: Shape, name: string): void {
  const variables = shape.variables
    ? `${shape.variables.toLocaleString("en")} variables`
    : "resizable variables";
  process.stdout.write(
    `Espruino ${shape.version}, ${shape.variableBytes}-byte variables, ${variables}: plays ${name}\n\n`,
  );
}

main().then(
  (code) => process.exit(code),
  (error: Error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  },
);
