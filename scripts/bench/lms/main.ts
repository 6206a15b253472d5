/** `npm run bench:lms`: verifying an LMS signature on the real interpreter, against its own native hash calls. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runProgram, shapeOf } from "../../espruino/interpreter.ts";
import { lmsProgram, lmsRuns, Mark } from "./program.ts";

interface Measured {
  hashes: number;
  /** ms of: the hashes alone, verify with its text in RAM, verify with its text in flash */
  hashMs: number;
  ramMs: number;
  flashMs: number;
  good: boolean;
}

/** Most that verify may take of the time of its hashes. Source: design §5 */
const bars = { ram: 2.5, flash: 3.5, ed25519: 1000 };

/** tweetnacl's one verify takes 20 s of a PC core; on a machine that does other things too, longer. */
const limitMs = 20 * 60_000;

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
  const watch = new CpuWatch();
  const out = await runProgram(bin, program, "MEASURED", dir, limitMs, watch.onLine);
  rmSync(dir, { recursive: true });
  const line = out.slice(out.indexOf("MEASURED") + 8).split("\n")[0]!;
  const m: Measured = JSON.parse(line);
  if (!m.good) throw new Error("the interpreter did not verify what it should, or took a forgery");
  const ram = m.ramMs / m.hashMs;
  const flash = m.flashMs / m.hashMs;
  const lmsCpuMs = watch.ms(Mark.lms) / lmsRuns;
  const ed25519CpuMs = withEd25519 ? watch.ms(Mark.ed25519) : null;
  const ed25519 = ed25519CpuMs === null ? null : ed25519CpuMs / lmsCpuMs;
  const row = (name: string, ms: number, ratio?: number, bar?: string, isMet = true) =>
    process.stdout.write(
      `${name.padEnd(40)}${ms.toFixed(2).padStart(10)} ms${ratio === undefined ? "" : `${ratio.toFixed(2).padStart(10)}  ${isMet ? "pass" : "MISSED"} (${bar})`}\n`,
    );
  process.stdout.write(
    `Espruino ${shape.version}, ${shape.variableBytes}-byte variables; median of 9\n\n`,
  );
  row(`${m.hashes} native hashes of 47 bytes`, m.hashMs);
  row("verify, text in RAM", m.ramMs, ram, `<= ${bars.ram}`, ram <= bars.ram);
  row("verify, text in flash", m.flashMs, flash, `<= ${bars.flash}`, flash <= bars.flash);
  row(`verify, processor time, mean of ${lmsRuns}`, lmsCpuMs);
  if (ed25519 !== null)
    row(
      "Ed25519 verify of tweetnacl, likewise",
      ed25519CpuMs!,
      ed25519,
      `>= ${bars.ed25519} times LMS`,
      ed25519 >= bars.ed25519,
    );
  const isMet =
    ram <= bars.ram && flash <= bars.flash && (ed25519 === null || ed25519 >= bars.ed25519);
  process.stdout.write(
    `${JSON.stringify({ ...shape, ...m, ram, flash, lmsCpuMs, ed25519CpuMs, ed25519, bars, isMet })}\n`,
  );
  return isMet ? 0 : 1;
}

/** Processor time of a process between the lines that it prints. */
class CpuWatch {
  readonly #marks: { name: string; cpuMs: number }[] = [];

  readonly onLine = (line: string, pid: number): void => {
    if (!line.startsWith("MARK")) return;
    // Fields 14 and 15 behind the command's name: user and system time in hundredths of a second. Source: proc(5)
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]!.split(" ");
    this.#marks.push({ name: line.trim(), cpuMs: (Number(fields[11]) + Number(fields[12])) * 10 });
  };

  /** @throws Error when the program did not print the mark and one behind it */
  ms(name: string): number {
    const at = this.#marks.findIndex((mark) => mark.name === name);
    const [begin, end] = this.#marks.slice(at, at + 2);
    if (at < 0 || !begin || !end)
      throw new Error(`the program did not print "${name}" and its end`);
    return end.cpuMs - begin.cpuMs;
  }
}

main().then(
  (code) => process.exit(code),
  (error: Error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  },
);
