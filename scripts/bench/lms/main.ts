/** `npm run bench:lms`: verifying an LMS signature on the real interpreter, against its own native hash calls. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runProgram, shapeOf } from "../../espruino/interpreter.ts";
import { lmsProgram } from "./program.ts";

interface Measured {
  hashes: number;
  /** ms of: the hashes alone, verify with its text in RAM, verify with its text in flash, Ed25519 of tweetnacl or null */
  hashMs: number;
  ramMs: number;
  flashMs: number;
  ed25519Ms: number | null;
  good: boolean;
}

/** Most that verify may take of the time of its hashes. Source: design §5 */
const bars = { ram: 2.5, flash: 3.5, ed25519: 1000 };

async function main(): Promise<number> {
  const bin = process.env.ESPRUINO_BIN;
  if (!bin) {
    process.stdout.write("npm run bench:lms: skipped, because ESPRUINO_BIN is not set.\n");
    return 0;
  }
  const shape = await shapeOf(bin);
  const withEd25519 = shape.variables !== 2630;
  const { program, storage } = await lmsProgram(shape, withEd25519);
  const dir = mkdtempSync(join(tmpdir(), "fleetling-lms-"));
  writeFileSync(join(dir, "espruino.flash"), storage);
  const out = await runProgram(bin, program, "MEASURED", dir, 300_000);
  rmSync(dir, { recursive: true });
  const line = out.slice(out.indexOf("MEASURED") + 8).split("\n")[0]!;
  const m: Measured = JSON.parse(line);
  if (!m.good) throw new Error("the interpreter did not verify what it should, or took a forgery");
  const ram = m.ramMs / m.hashMs;
  const flash = m.flashMs / m.hashMs;
  const ed25519 = m.ed25519Ms === null ? null : m.ed25519Ms / m.ramMs;
  const row = (name: string, ms: number, ratio?: number, bar?: string, isMet = true) =>
    process.stdout.write(
      `${name.padEnd(34)}${ms.toFixed(2).padStart(10)} ms${ratio === undefined ? "" : `${ratio.toFixed(2).padStart(10)}  ${isMet ? "pass" : "MISSED"} (${bar})`}\n`,
    );
  process.stdout.write(
    `Espruino ${shape.version}, ${shape.variableBytes}-byte variables; median of 9\n\n`,
  );
  row(`${m.hashes} native hashes of 47 bytes`, m.hashMs);
  row("verify, text in RAM", m.ramMs, ram, `<= ${bars.ram}`, ram <= bars.ram);
  row("verify, text in flash", m.flashMs, flash, `<= ${bars.flash}`, flash <= bars.flash);
  if (ed25519 !== null)
    row(
      "Ed25519 verify, tweetnacl",
      m.ed25519Ms!,
      ed25519,
      `>= ${bars.ed25519} times LMS`,
      ed25519 >= bars.ed25519,
    );
  const isMet =
    ram <= bars.ram && flash <= bars.flash && (ed25519 === null || ed25519 >= bars.ed25519);
  process.stdout.write(`${JSON.stringify({ ...shape, ...m, ram, flash, ed25519, bars, isMet })}\n`);
  return isMet ? 0 : 1;
}

main().then(
  (code) => process.exit(code),
  (error: Error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  },
);
