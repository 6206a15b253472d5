/** Which leaf of an LMS key signed what. A leaf that signs two messages gives the key away, so a leaf is on the disk
 *  here before it signs, and a ledger that lost an entry is refused.
 *
 *  `NAME.ledger` only grows: one JSON line per leaf, each with the hash of the line before. `NAME.mark` holds count and
 *  hash of the newest line; it is written after the line and before the signature. So at every cut the ledger has as
 *  many lines as the mark or one more; fewer, or others, means that an old copy was put back. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, truncateSync } from "node:fs";
import { appendFile, createFile, replaceFile } from "./durable.ts";
import { ToolError } from "./errors.ts";
import { withLock } from "./lock.ts";

/** Share of used leaves from which every reservation warns. */
const warnShare = 0.8;

export interface LedgerEntry {
  leaf: number;
  /** hex SHA-256 of the message that the leaf signs */
  digest: string;
  /** ISO time of the reservation, for people */
  at: string;
}

export interface Reservation {
  leaf: number;
  /** this digest had its leaf already: signing it again gives the same bytes */
  isRepeat: boolean;
  leavesLeft: number;
  /** one sentence from 80 % used on, else null */
  warning: string | null;
}

export interface LedgerOptions {
  /** path without ending: `keys/release` for keys/release.ledger and keys/release.mark */
  path: string;
  /** hex; the ledger belongs to this key */
  publicKey: string;
  leaves: number;
  /** ISO time; default the clock's */
  now?: () => string;
  /** tests cut here: called before and after each thing that reaches the disk */
  onStep?: (step: "locked" | "appended" | "marked") => void;
}

interface Line extends LedgerEntry {
  hash: string;
}

/** Makes the two files of a new key. @throws the EEXIST error of node: an existing ledger is never replaced */
export function createLedger(options: LedgerOptions): void {
  createFile(`${options.path}.ledger`, "");
  createFile(`${options.path}.mark`, markText(0, startHash(options)));
}

/** Reserves a leaf for one message digest, durably, before anything is signed.
 *  @param digest hex SHA-256 of the message
 *  @throws ToolError LEDGER_LOCKED, LEDGER_DAMAGED, LEDGER_WENT_BACKWARDS, LEDGER_LEAF_TWICE, LEDGER_EXHAUSTED */
export function reserveLeaf(options: LedgerOptions, digest: string): Reservation {
  return withLock(`${options.path}.lock`, () => {
    options.onStep?.("locked");
    const lines = readLines(options);
    const known = lines.find((line) => line.digest === digest);
    const leaf = known?.leaf ?? lines.length;
    const used = known === undefined ? lines.length + 1 : lines.length;
    if (leaf >= options.leaves) {
      throw new ToolError("LEDGER_EXHAUSTED", {
        object: `${options.path}.ledger`,
        expected: `one of ${options.leaves} leaves free`,
        found: "none",
        next: "Make a new release key and a key set that names it: fleetling keys new.",
      });
    }
    if (known === undefined) append(options, lines, { leaf, digest, at: now(options) });
    // A repeat brings the mark up too: the cut may have been between line and mark.
    else replaceFile(`${options.path}.mark`, markText(lines.length, lines.at(-1)!.hash));
    options.onStep?.("marked");
    return {
      leaf,
      isRepeat: known !== undefined,
      leavesLeft: options.leaves - used,
      warning: warningOf(options, used),
    };
  });
}

/** Reads the whole ledger and checks it. @throws ToolError as reserveLeaf */
export function readLedger(options: LedgerOptions): LedgerEntry[] {
  return readLines(options, { repair: false }).map(({ leaf, digest, at }) => ({
    leaf,
    digest,
    at,
  }));
}

function append(options: LedgerOptions, lines: Line[], entry: LedgerEntry): void {
  const previous = lines.at(-1)?.hash ?? startHash(options);
  const hash = hashOf(previous, entry);
  appendFile(`${options.path}.ledger`, `${JSON.stringify({ ...entry, hash })}\n`);
  options.onStep?.("appended");
  replaceFile(`${options.path}.mark`, markText(lines.length + 1, hash));
}

function readLines(options: LedgerOptions, { repair } = { repair: true }): Line[] {
  const path = `${options.path}.ledger`;
  if (!existsSync(path) || !existsSync(`${options.path}.mark`)) {
    throw new ToolError("LEDGER_WENT_BACKWARDS", {
      object: path,
      expected: "the ledger and its mark beside the key",
      found: "at least one of them missing",
      next: "Restore both from the newest place; if that is lost, retire the key.",
    });
  }
  const text = readFileSync(path, "utf8");
  const complete = text.slice(0, text.lastIndexOf("\n") + 1);
  const lines = complete.split("\n").slice(0, -1).map(parseLine(options));
  checkChain(options, lines);
  checkMark(options, lines);
  // A torn last line was never followed by a signature: its fsync had not returned.
  if (repair && complete.length < text.length) truncateSync(path, Buffer.byteLength(complete));
  return lines;
}

function parseLine(options: LedgerOptions): (text: string, index: number) => Line {
  return (text, index) => {
    try {
      const line = JSON.parse(text) as Line;
      const isLine =
        Number.isInteger(line.leaf) && isHash(line.digest) && isHash(line.hash) && !!line.at;
      if (isLine) return line;
    } catch {
      // Falls through to the refusal below.
    }
    throw damaged(options, `line ${index + 1} unreadable`);
  };
}

function checkChain(options: LedgerOptions, lines: Line[]): void {
  const seen = new Map<number, string>();
  let previous = startHash(options);
  lines.forEach((line, index) => {
    const other = seen.get(line.leaf);
    if (other !== undefined) {
      throw new ToolError("LEDGER_LEAF_TWICE", {
        object: `${options.path}.ledger`,
        expected: `leaf ${line.leaf} once`,
        found: `digests ${other.slice(0, 16)}… and ${line.digest.slice(0, 16)}…`,
        next: "Stop signing with this key and replace it by a new key set.",
      });
    }
    seen.set(line.leaf, line.digest);
    if (line.leaf !== index || line.hash !== hashOf(previous, line)) {
      throw damaged(options, `line ${index + 1} not following the line before`);
    }
    previous = line.hash;
  });
}

function checkMark(options: LedgerOptions, lines: Line[]): void {
  const text = readFileSync(`${options.path}.mark`, "utf8");
  const [, count, hash] = /^(\d+) ([0-9a-f]{64})\n$/.exec(text) ?? [];
  if (count === undefined) throw damaged(options, "an unreadable mark");
  const marked = Number(count);
  const actual = marked === 0 ? startHash(options) : lines[marked - 1]?.hash;
  if (actual !== hash) {
    throw new ToolError("LEDGER_WENT_BACKWARDS", {
      object: `${options.path}.ledger`,
      expected: `${marked} leaves used, as the mark says`,
      found: `${lines.length}${lines.length >= marked ? " others" : ""}`,
      next: "Restore the newest ledger and mark; if they are lost, retire the key.",
    });
  }
}

function warningOf(options: LedgerOptions, used: number): string | null {
  if (used < options.leaves * warnShare) return null;
  return `${used} of ${options.leaves} leaves are used: prepare a new release key and key set.`;
}

function startHash(options: LedgerOptions): string {
  return createHash("sha256").update(`ledger ${options.publicKey}`).digest("hex");
}

function hashOf(previous: string, { leaf, digest, at }: LedgerEntry): string {
  return createHash("sha256").update([previous, leaf, digest, at].join(" ")).digest("hex");
}

function markText(count: number, hash: string): string {
  return `${count} ${hash}\n`;
}

function isHash(text: unknown): boolean {
  return typeof text === "string" && /^[0-9a-f]{64}$/.test(text);
}

function now(options: LedgerOptions): string {
  return options.now?.() ?? new Date().toISOString();
}

function damaged(options: LedgerOptions, found: string): ToolError {
  return new ToolError("LEDGER_DAMAGED", {
    object: `${options.path}.ledger`,
    expected: "an unbroken chain of lines",
    found,
    next: "Restore the newest copy; never edit the file.",
  });
}
