/** `npm run bench:sha`: the firmware's own SHA-256 on the real interpreter, against the interpreter's. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Board, boards } from "../../../boards/index.ts";
import { freshDir, runProgram, shapeOf } from "../../espruino/interpreter.ts";
import { longBlocks, longRuns, shaProgram, shaVectors, verifyRuns } from "./program.ts";

interface Measured {
  /** texts whose published digest did not come out; false: some length of 0 to 139 bytes differs from the native hash */
  wrong: string[];
  same: boolean;
  /** ms of one message of 1,024 bytes (17 blocks) and of one of 47 bytes (one block), by the firmware's hash and natively */
  longMs: number;
  shortMs: number;
  nativeLongMs: number;
  nativeShortMs: number;
  /** one LMS signature with the firmware's hash */
  verifyMs: number;
  verifyBlocks: number;
  good: boolean;
  /** one turn of the published loop, with two other calls of native functions: pins of a host are files */
  loopUs: number;
}

/** What is published of the interpreter's speed on a chip. Source: espruino.com/Performance: a loop
 *  `while (1) {A0.set();A0.reset();}` gives "roughly a 4kHz square wave" on the Espruino board, whose STM32F103 has 72 MHz */
const published = { loopUs: 250, mhz: 72 };

/** Clock of the chips whose boards bring no SHA-256. Source: nRF52832, nRF52833, nRF52840 PS (64 MHz); ESP8266EX datasheet, default 80 MHz */
const mhzOf: Record<string, number> = { nRF52832: 64, nRF52833: 64, nRF52840: 64, ESP8266: 80 };

/** Times that a board takes against this interpreter: the published loop against the same loop here, by clock. */
function factorOf(board: Board, loopUs: number): number {
  const mhz = mhzOf[board.chip];
  if (!mhz) throw new Error(`clock of ${board.name}: expected one for ${board.chip}, got none`);
  return (published.loopUs * published.mhz) / mhz / loopUs;
}

/** Processor's time of a process, ms in steps of 10; null where the host does not tell. Source: proc(5), stat fields 14, 15 */
function cpuMsOf(pid: number): number | null {
  const file = `/proc/${pid}/stat`;
  if (!existsSync(file)) return null;
  const fields = readFileSync(file, "latin1").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Notes the processor's time at each mark that a program prints. */
class Marks {
  readonly #at = new Map<string, number | null>();
  readonly onLine = (line: string, pid: number) => {
    const name = /AT (\w+)/.exec(line)?.[1];
    if (name) this.#at.set(name, cpuMsOf(pid));
  };

  /** Mean of so many runs between a mark and its end, ms; null where it is not known. */
  mean(name: string, runs: number): number | null {
    const [from, to] = [this.#at.get(name), this.#at.get(`${name}End`)];
    return from == null || to == null ? null : (to - from) / runs;
  }
}

async function main(): Promise<number> {
  const bin = process.env.ESPRUINO_BIN;
  if (!bin) {
    process.stdout.write("npm run bench:sha: skipped, because ESPRUINO_BIN is not set.\n");
    return 0;
  }
  const shape = await shapeOf(bin);
  const { program, storage } = await shaProgram(shape);
  const dir = freshDir();
  writeFileSync(join(dir, "espruino.flash"), storage);
  const marks = new Marks();
  const out = await runProgram(bin, program, "MEASURED", dir, 600_000, marks.onLine);
  rmSync(dir, { recursive: true });
  const m: Measured = JSON.parse(out.slice(out.indexOf("MEASURED") + 8).split("\n")[0]!);
  // On a busy host the clock tells of others' work too.
  m.longMs = marks.mean("long", longRuns) ?? m.longMs;
  m.verifyMs = marks.mean("verify", verifyRuns) ?? m.verifyMs;
  if (m.wrong.length || !m.same)
    throw new Error(
      `SHA-256 on the interpreter: expected the published digests, got others of ${JSON.stringify(m.wrong)}`,
    );
  if (!m.good) throw new Error("LMS with this hash: a signature was refused, or a forgery taken");
  const say = (line: string) => process.stdout.write(`${line}\n`);
  const row = (name: string, ms: number, nativeMs: number) =>
    say(
      `${name.padEnd(30)}${ms.toFixed(3).padStart(11)} ms${nativeMs.toFixed(4).padStart(11)} ms${(ms / nativeMs).toFixed(0).padStart(8)} times`,
    );
  say(
    `Espruino ${shape.version}, ${shape.variableBytes}-byte variables; text of a BBC micro:bit 2; processor's time`,
  );
  say(`${shaVectors} published digests and 140 lengths against the native hash: all as expected\n`);
  say(`${"".padEnd(30)}${"firmware's".padStart(14)}${"native".padStart(14)}`);
  row("a block of 64 bytes", m.longMs / longBlocks, m.nativeLongMs / longBlocks);
  row("a message of 47 bytes", m.shortMs, m.nativeShortMs);
  say(
    `${"an LMS verify".padEnd(30)}${m.verifyMs.toFixed(0).padStart(11)} ms  ${m.verifyBlocks} blocks\n`,
  );
  const estimates: Record<string, { factor: number; verifyS: number; blockMs: number }> = {};
  for (const board of Object.values(boards)) {
    if (board.crypto.sha256) continue;
    const factor = factorOf(board, m.loopUs);
    const [verifyS, blockMs] = [(m.verifyMs * factor) / 1000, (m.longMs / longBlocks) * factor];
    estimates[board.id] = { factor, verifyS, blockMs };
    say(
      `${board.name.padEnd(20)}about ${verifyS.toFixed(0).padStart(4)} s a verify, ${blockMs.toFixed(0).padStart(4)} ms a block (${factor.toFixed(0)} times this interpreter)`,
    );
  }
  say(
    `\nEstimates, not measured on a board. Basis: the loop {A0.set();A0.reset()} takes ${published.loopUs} µs at ${published.mhz} MHz (espruino.com/Performance),`,
  );
  say(
    `${m.loopUs.toFixed(2)} µs here with two calls of Math.random() instead, and is taken to scale with the clock: 64 MHz nRF52, 80 MHz ESP8266.`,
  );
  say(
    JSON.stringify({
      ...shape,
      ...m,
      ratioBlock: m.longMs / m.nativeLongMs,
      ratioShort: m.shortMs / m.nativeShortMs,
      published,
      estimates,
    }),
  );
  return 0;
}

main().then(
  (code) => process.exit(code),
  (error: Error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  },
);
