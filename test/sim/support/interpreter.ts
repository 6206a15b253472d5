import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";

/** Path of a host build of the interpreter; tests that need it are skipped without it. */
export const interpreterPath = process.env.ESPRUINO_BIN ?? "";
export const hasInterpreter = interpreterPath !== "" && existsSync(interpreterPath);
export const needsInterpreter = hasInterpreter
  ? ""
  : " (skipped: ESPRUINO_BIN names no interpreter)";

/** Runs a program on the real interpreter.
 *  @returns what it printed, banner included, and its flash afterwards */
export async function runInterpreter(
  program: string,
  flash?: Uint8Array,
): Promise<{ text: string; flash: Uint8Array }> {
  const folder = mkdtempSync(join(tmpdir(), "espruino-"));
  try {
    const flashFile = join(folder, "espruino.flash");
    if (flash) writeFileSync(flashFile, flash);
    writeFileSync(join(folder, "program.js"), program);
    const text = await run(folder);
    return { text, flash: flash ? new Uint8Array(readFileSync(flashFile)) : new Uint8Array() };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Works through a list, several at once: the interpreter spends most of its start asleep. */
export async function eachAtOnce<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...items];
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: 4 * availableParallelism() }, worker));
}

function run(folder: string): Promise<string> {
  return new Promise((done) => {
    const options = { cwd: folder, encoding: "latin1" as const, timeout: 10_000 };
    // Its exit code tells nothing: E.reboot() ends it with 1. Its input must not end while it runs.
    execFile(interpreterPath, ["program.js"], options, (_error, stdout) => done(stdout));
  });
}
