/** The release file: what `fleetling release sign` writes, further signers add to, and the agent takes as it stands. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { personCharsMax, reasonCharsMax } from "../../../firmware/protocol/host/words.ts";
import { type ToolCode, ToolError } from "../keys/errors.ts";

const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`));
const base64 = z.base64().min(4);
const count = z.int().min(0).max(0xffff_ffff);
const person = z.string().min(1).max(personCharsMax);
const reason = z.string().min(1).max(reasonCharsMax);

const image = z.strictObject({
  board: z.string().min(1),
  classId: hex(16),
  digest: hex(32),
  settings: z.record(z.string(), z.unknown()).optional(),
  commands: z.array(z.string()).optional(),
  /** digest of the names that the next build keeps: `names/BOARD-DIGEST.json` beside the file */
  names: hex(32).optional(),
  envelope: base64,
  payload: base64,
  /** envelope of the same image with a downgrade ticket */
  ticket: base64.optional(),
});

const schema = z.strictObject({
  sequence: count.min(1),
  floor: count,
  version: z.string(),
  type: z.enum(["security", "fix", "feature"]),
  notes: z.string(),
  mustPass: z.boolean().optional(),
  /** why the images carry downgrade tickets, who says so, and the floor of the devices that may take them */
  ticket: z.strictObject({ floor: count, person, reason }).optional(),
  /** who had it signed without trying an update of it, and why */
  unchecked: z.strictObject({ person, reason }).optional(),
  images: z.array(image).min(1),
});

export type ReleaseFile = z.infer<typeof schema>;
export type FileImage = ReleaseFile["images"][number];

/** Reads a release file and holds it against its schema and its own digests; signatures are the caller's.
 *  @throws ToolError RELEASE_FILE */
export function readReleaseFile(path: string): ReleaseFile {
  const file = parse(path);
  for (const { board, digest, payload } of file.images) {
    const actual = createHash("sha256").update(bytesOf(payload)).digest("hex");
    if (actual !== digest) {
      throw refuse(path, `payload for ${board} with digest ${short(digest)}`, short(actual));
    }
  }
  return file;
}

/** Writes a release file whole: the one before stays until the new one is there.
 *  @param beside files that it refers to, by their paths from its folder; they are there first
 *  @throws ToolError FILE_WRITE */
export function writeReleaseFile(
  path: string,
  file: ReleaseFile,
  beside: Record<string, string> = {},
): void {
  try {
    for (const [name, text] of Object.entries(beside)) {
      mkdirSync(dirname(join(dirname(path), name)), { recursive: true });
      replace(join(dirname(path), name), text);
    }
    replace(path, `${JSON.stringify(file, null, 1)}\n`);
  } catch (cause) {
    throw new ToolError("FILE_WRITE", {
      ...{ object: path, expected: "a place to write to", found: (cause as Error).message, cause },
      next: "Name another file; what was signed is signed again at the same leaves.",
    });
  }
}

function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

export function bytesOf(base64Text: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64Text, "base64"));
}

export function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

function parse(path: string): ReleaseFile {
  const expected = "a file that fleetling release sign wrote";
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw refuse(path, expected, (cause as Error).message, cause);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { path: at, message } = result.error.issues[0]!;
  throw refuse(path, expected, `${at.join(".") || "the whole"}: ${message}`);
}

/** First 16 of 64 hex digits. */
export function short(digest: string): string {
  return digest.slice(0, 16);
}

function refuse(object: string, expected: string, found: string, cause?: unknown): ToolError {
  const code: ToolCode = "RELEASE_FILE";
  const next = "Name a release file; if it is damaged, sign its build folders again.";
  return new ToolError(code, { object, expected, found, next, cause });
}
