/** `npm run espruino`: the device code on the real interpreter, from birth to wipe, against a running agent. */
import { existsSync } from "node:fs";
import { boards } from "../../boards/index.ts";
import { type Shape, shapeOf } from "./interpreter.ts";
import { boardFor, playStory } from "./story.ts";

const help = `npm run espruino: skipped, because ESPRUINO_BIN is not set.

The device code has to run on the interpreter itself, not only on Node. Get the interpreter's source
(github.com/espruino/Espruino), build its Linux target, and name the program:

  ESPRUINO_BIN=/path/to/espruino npm run espruino

The plain Linux build plays board "linux" (MQTT over TCP). A 32-bit build with 2,630 variables and ten
4 kB pages of flash stands in for a Puck.js and speaks through a gateway.
`;

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
  const board = boardFor(shape);
  if (!board) {
    process.stderr.write(
      `ESPRUINO_BIN: expected 256 pages of 1,024 bytes (linux) or ten of 4,096 (puckjs), ` +
        `found ${shape.totalBytes} bytes in pages of ${shape.pageBytes}; boards: ${Object.keys(boards)}\n`,
    );
    return 2;
  }
  print(shape, board.name);
  const result = await playStory(bin, board, (line) => process.stdout.write(`${line}\n`));
  process.stdout.write(`${JSON.stringify({ ...shape, ...result })}\n`);
  return result.failures.length ? 1 : 0;
}

function print(shape: Shape, name: string): void {
  const variables = shape.variables === 2630 ? "2,630 variables" : "resizable variables";
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
