/** Whether an image that is about to be signed leaves a device that can be updated. It is played in a process of its own. */
import { fork } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { trialMinutesDefault } from "../../../../firmware/protocol/limits.ts";
import { ToolError } from "../../keys/errors.ts";
import type { BuildFolder } from "../buildFolder.ts";
import type { Candidate, Outcome } from "./play.ts";

const workerFile = fileURLToPath(new URL("./worker.ts", import.meta.url));
/** Far more than a board has; an app that fills it would fill any. */
const memoryMbMax = 512;
/** A play ends by itself after some twelve seconds of the processor; on a busy machine that takes longer. */
const wallMsMax = 300_000;

export interface CheckReport {
  board: string;
  /** what was seen, in a sentence */
  seen: string;
  seconds: number;
}

/** Plays one build. @throws ToolError RELEASE_CHECK: it could not be updated afterwards, or could not be played */
export async function checkUpdatable(
  folder: BuildFolder,
  trialMinutes = trialMinutesDefault,
): Promise<CheckReport> {
  const startMs = performance.now();
  const outcome = await played(candidateOf(folder, trialMinutes));
  const { board, dir } = folder;
  if (!outcome.isUpdatable) {
    throw new ToolError("RELEASE_CHECK", {
      object: `image for ${board} (${dir})`,
      expected: "one that takes and confirms the release after it, on a simulated board",
      found: outcome.seen,
      next: "Correct the app. To sign it all the same: --skip-check REASON --person NAME; such devices may need a cable.",
    });
  }
  return { board, seen: outcome.seen, seconds: (performance.now() - startMs) / 1000 };
}

/** @throws ToolError RELEASE_CHECK when the folder has not all that a board is flashed with */
function candidateOf(folder: BuildFolder, trialMinutes: number): Candidate {
  const { dir, board, text, runtimeBytes } = folder;
  const read = (name: string) => {
    const path = join(dir, name);
    if (existsSync(path)) return readFileSync(path, "latin1");
    throw new ToolError("RELEASE_CHECK", {
      object: path,
      expected: "the core beside the image, as fleetling build writes it, to try an update with",
      found: "no such file",
      next: "Build it again, or sign it unchecked: --skip-check REASON --person NAME.",
    });
  };
  const core = {
    page0Text: read("page0.js"),
    coreText: read("core.js"),
    boot0Text: read("boot0.js"),
  };
  const imageText = Buffer.from(text).toString("latin1");
  return { board, imageText, core, runtimeBytes: runtimeBytes ?? null, trialMinutes };
}

function played(candidate: Candidate): Promise<Outcome> {
  const child = fork(workerFile, {
    execArgv: ["--import", import.meta.resolve("tsx"), `--max-old-space-size=${memoryMbMax}`],
    // A heap that is full ends the process with a page of V8's own words.
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let told = "";
  child.stderr!.on("data", (data) => {
    told = `${told}${data}`.slice(-4000);
  });
  const late = setTimeout(() => child.kill("SIGKILL"), wallMsMax);
  return new Promise<Outcome>((resolve, reject) => {
    let outcome: Outcome | null = null;
    child.once("message", (message) => {
      outcome = message as Outcome;
    });
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(late);
      if (outcome) resolve(outcome);
      else if (/heap out of memory|Allocation failed/.test(told)) {
        resolve(no(`its app took more than ${memoryMbMax} MB of this computer's memory`));
      } else if (signal === "SIGKILL") {
        resolve(no(`no virtual second ended within ${wallMsMax / 1000} s of this computer's time`));
      } else reject(new Error(`the check ended with ${code ?? signal}: ${told.trim()}`));
    });
    child.send(candidate);
  });
}

function no(seen: string): Outcome {
  return { isUpdatable: false, seen };
}
