/** Names of the release before, for the next build: from its build folder, or from the release file that refers to them. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { readReleaseFile } from "../release/file.ts";
import { BuildError } from "./errors.ts";
import type { KeptNames } from "./text.ts";

/** Release file that a build looks for in the working folder when it is told nothing else. */
export const releaseFileDefault = "release.json";

/** Folder beside a release file where its names are. */
const namesFolder = "names";

export interface PreviousNames {
  /** null: all names are given anew */
  kept: KeptNames | null;
  /** one sentence for people: which names are kept, or why none; null when there is nothing to say */
  note: string | null;
}

/** Finds the names that a build has to keep.
 *  @param given.previous build folder or release file; omitted: `release.json` of the working folder, if there is one
 *  @param given.newNames true gives all names anew
 *  @throws BuildError BUILD_PREVIOUS; ToolError RELEASE_FILE */
export function previousNames(given: {
  board: string;
  previous?: string;
  newNames?: boolean;
  /** working folder; default the process's own */
  dir?: string;
}): PreviousNames {
  const { board, previous, newNames } = given;
  if (newNames) {
    if (previous === undefined) return { kept: null, note: null };
    throw refuse("--new-names", "no --previous beside --new-names", previous);
  }
  if (previous === undefined) {
    const file = join(given.dir ?? ".", releaseFileDefault);
    return existsSync(file) ? namesOfRelease(file, board) : { kept: null, note: null };
  }
  if (existsSync(previous) && statSync(previous).isFile()) {
    const found = namesOfRelease(previous, board);
    if (found.kept) return found;
    throw refuse(previous, `names for board ${board}`, "none");
  }
  const note = `the names of the build in ${previous} are kept`;
  return { kept: namesOfBuild(previous, board), note };
}

/** Names that a build folder holds. @throws BuildError BUILD_PREVIOUS */
export function namesOfBuild(dir: string, board: string): KeptNames {
  let report: { board?: { id?: string } | string; names?: string };
  let text: Buffer;
  try {
    report = JSON.parse(readFileSync(join(dir, "build.json"), "utf8"));
    text = readFileSync(join(dir, "names.json"));
  } catch (cause) {
    const found = `could not read them: ${(cause as Error).message}`;
    throw refuse(dir, "build.json and names.json", found, cause);
  }
  const id = typeof report.board === "object" ? report.board.id : report.board;
  if (id !== board) throw refuse(dir, `board ${board}`, String(id));
  if (report.names !== undefined) checkDigest(join(dir, "names.json"), text, report.names);
  return readNames(join(dir, "names.json"), text);
}

function namesOfRelease(path: string, board: string): PreviousNames {
  const file = readReleaseFile(path);
  const release = `release ${file.sequence} (${path})`;
  const image = file.images.find((one) => one.board === board);
  if (!image?.names) {
    const why = image ? "does not refer to names" : "has no image";
    return { kept: null, note: `${release} ${why} for ${board}: all names are given anew` };
  }
  const names = join(dirname(path), namesPath(board, image.names));
  let text: Buffer;
  try {
    text = readFileSync(names);
  } catch (cause) {
    throw refuse(names, `the names of ${release}`, (cause as Error).message, cause);
  }
  checkDigest(names, text, image.names);
  return { kept: readNames(names, text), note: `the names of ${release} are kept` };
}

/** Where a release's names are, from the folder of its file: by content, so that no release overwrites another's. */
export function namesPath(board: string, digest: string): string {
  return join(namesFolder, `${board}-${digest.slice(0, 16)}.json`);
}

/** @returns hex SHA-256 */
export function namesDigest(text: string | Uint8Array): string {
  return createHash("sha256").update(text).digest("hex");
}

function checkDigest(path: string, text: Buffer, digest: string): void {
  const actual = namesDigest(text);
  if (actual !== digest) throw refuse(path, `digest ${digest.slice(0, 16)}`, actual.slice(0, 16));
}

/** Reads a map of names. @throws BuildError BUILD_PREVIOUS */
export function readNames(path: string, text: Uint8Array): KeptNames {
  const expected = "names and locals, each a map to short names";
  let kept: Partial<KeptNames> | null;
  try {
    kept = JSON.parse(Buffer.from(text).toString("utf8"));
  } catch (cause) {
    throw refuse(path, expected, (cause as Error).message, cause);
  }
  const isMap = (value: unknown) =>
    typeof value === "object" &&
    value !== null &&
    Object.values(value).every((short) => /^[a-zA-Z]{1,3}$/.test(String(short)));
  const { names, locals } = kept ?? {};
  const isWhole = typeof locals === "object" && locals !== null;
  if (!isMap(names) || !isWhole || !Object.values(locals).every(isMap)) {
    throw refuse(path, expected, "something else");
  }
  return { names: names!, locals };
}

function refuse(object: string, expected: string, found: string, cause?: unknown): BuildError {
  return new BuildError(
    {
      code: "BUILD_PREVIOUS",
      place: { file: object },
      found: `names of the release before: expected ${expected}, got ${found}`,
      remedy:
        "Restore the file, or name the build folder or release file of the release before with --previous; " +
        "--new-names gives all names anew, which only devices with a core of this build understand",
    },
    cause,
  );
}
