import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Path of the real interpreter; absent = tests that need it are skipped. */
export const espruinoBin = process.env.ESPRUINO_BIN;
/** Said by a skipped test. */
export const needsEspruino = espruinoBin ? "" : " (skipped: ESPRUINO_BIN names no interpreter)";

/** Writes sources into a folder of their own and returns its path. */
export function sourceTree(files: Record<string, string>): string {
  const dir = mkdtempSync(join(tmpdir(), "fleetling-build-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  return dir;
}

/** Runs a script on the real interpreter.
 *  @param script a character per byte @param flash contents of its flash; omitted = blank
 *  @returns the lines it printed that begin with "T "; everything when there is none */
export function runEspruino(script: string, flash?: Uint8Array): Promise<string[]> {
  const dir = mkdtempSync(join(tmpdir(), "fleetling-espruino-"));
  writeFileSync(join(dir, "run.js"), script, "latin1");
  if (flash) writeFileSync(join(dir, "espruino.flash"), flash);
  return new Promise((resolve, reject) => {
    const child = execFile(
      espruinoBin!,
      ["run.js"],
      { cwd: dir, timeout: 8000, maxBuffer: 1 << 22, encoding: "latin1" },
      (error, stdout) => {
        if (error?.code === "ENOENT") return reject(error);
        // The banner may share a line with the first output.
        const lines = stdout.split(/\r?\n/);
        const marked = lines.flatMap((line) => line.match(/T .*$/)?.[0].slice(2) ?? []);
        resolve(marked.length > 0 ? marked : lines);
      },
    );
    // Its console is stdin: closing it would feed 0xFF for ever, so the end of the script ends the
    // run.
    child.stdout!.on("data", (chunk: string) => {
      if (chunk.includes("T end")) child.kill("SIGKILL");
    });
  });
}
