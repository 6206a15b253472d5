/** What `fleetling build` left in a folder, read for signing and checked against its own report. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { DeclaredSettings } from "../../../firmware/protocol/host/settings.ts";
import { namesDigest, readNames } from "../build/keptNames.ts";
import { ToolError } from "../keys/errors.ts";

export interface BuildFolder {
  dir: string;
  /** id of a board file */
  board: string;
  settings?: DeclaredSettings;
  /** names of the app's commands; absent in builds from before there were any */
  commands?: string[];
  /** bytes of the image text */
  text: Uint8Array;
  /** bytes of the framework's function in the image, where the report tells them */
  runtimeBytes?: number;
  /** absent where the folder has none */
  names?: { text: string; digest: string };
}

/** Reads a build folder. @throws ToolError RELEASE_INPUT; BuildError BUILD_PREVIOUS for damaged names */
export function readBuildFolder(dir: string): BuildFolder {
  const reportPath = join(dir, "build.json");
  const imagePath = join(dir, "image.js");
  for (const path of [reportPath, imagePath]) {
    if (!existsSync(path)) throw refuse(dir, "build.json and image.js", `no ${path}`);
  }
  const report = readReport(reportPath);
  const { board, settings, commands, digest, names: namesToldDigest } = report;
  const id = typeof board === "string" ? board : board?.id;
  if (typeof id !== "string") throw refuse(reportPath, "the board's id", "none");
  const text = new Uint8Array(readFileSync(imagePath));
  const actual = createHash("sha256").update(text).digest("hex");
  if (digest !== undefined && digest !== actual) {
    throw refuse(imagePath, `the image that was built (${digest})`, `another one (${actual})`);
  }
  const names = readNamesFile(join(dir, "names.json"), namesToldDigest);
  const runtimeBytes = report.sizes?.find(({ name }) => name === "framework/runtime")?.bytes;
  return { dir, board: id, settings, commands, text, runtimeBytes, names };
}

interface Report {
  board?: string | { id?: string };
  settings?: DeclaredSettings;
  commands?: string[];
  digest?: string;
  names?: string;
  sizes?: { name: string; bytes: number }[];
}

function readReport(path: string): Report {
  try {
    const report = JSON.parse(readFileSync(path, "utf8"));
    if (typeof report === "object" && report !== null) return report;
    throw new TypeError("no object");
  } catch (cause) {
    throw refuse(path, "the report of a build", (cause as Error).message, cause);
  }
}

/** Names that are not those of the build would make the next update large, or the next image strange to its core. */
function readNamesFile(path: string, told: string | undefined): BuildFolder["names"] {
  if (!existsSync(path)) return undefined;
  const text = readFileSync(path, "utf8");
  const digest = namesDigest(text);
  if (told !== undefined && told !== digest) {
    throw refuse(path, `the names of the build (${told.slice(0, 16)})`, digest.slice(0, 16));
  }
  readNames(path, Buffer.from(text));
  return { text, digest };
}

function refuse(object: string, expected: string, found: string, cause?: unknown): ToolError {
  const next = "Build it again with fleetling build, into an empty folder.";
  return new ToolError("RELEASE_INPUT", { object, expected, found, next, cause });
}
