/** Which leaf of an LMS key signed what. A leaf that signs two messages gives the key away, so a leaf is on the disk
 *  here before it signs, and a ledger that lost an entry is refused.
 *
 *  `NAME.ledger` only grows: one JSON line per leaf that was used and per range that was leased, each with the hash of
 *  the line before. `NAME.mark` holds count and hash of the newest line; it is written after the line and before the
 *  signature. So at every cut the ledger has as many lines as the mark or one more; fewer, or others, means that an old
 *  copy was put back.
 *
 *  A ledger signs only within its ranges: the offline half of the key, which is the desk's that made the key, and what
 *  the agent has leased to this desk. A first line with an empty range says that the offline half is another desk's. */
import { existsSync, readFileSync, truncateSync } from "node:fs";
import { offlineLeaves } from "../../../firmware/protocol/host/lms/index.ts";
import { appendFile, createFile, replaceFile } from "./durable.ts";
import { ToolError } from "./errors.ts";
import {
  hashOf,
  type LedgerLine,
  type LedgerRange,
  type Line,
  parseLine,
  startHash,
} from "./ledgerLines.ts";
import { withLock } from "./lock.ts";

export type { LedgerRange } from "./ledgerLines.ts";

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

/** What a ledger holds and how much of it is used. */
export interface LedgerState {
  entries: LedgerEntry[];
  /** in the order in which they are used up: leased ones, then the offline half */
  ranges: LedgerRange[];
  leavesHeld: number;
  leavesLeft: number;
  /** one sentence from 80 % of the held leaves on, else null */
  warning: string | null;
}

/** Makes the two files of a new key.
 *  @param ownsOffline false for a further desk, which signs only with leaves that the agent leases to it
 *  @throws the EEXIST error of node: an existing ledger is never replaced */
export function createLedger(options: LedgerOptions, ownsOffline = true): void {
  const start = startHash(options.publicKey);
  createFile(`${options.path}.mark`, markText(0, start));
  createFile(`${options.path}.ledger`, ownsOffline ? "" : rangeLine(options, start, 0, 0).text);
}

/** Reserves a leaf for one message digest, durably, before anything is signed.
 *  @param digest hex SHA-256 of the message
 *  @throws ToolError LEDGER_LOCKED, LEDGER_DAMAGED, LEDGER_WENT_BACKWARDS, LEDGER_LEAF_TWICE, LEDGER_EXHAUSTED */
export function reserveLeaf(options: LedgerOptions, digest: string): Reservation {
  return withLock(`${options.path}.lock`, () => {
    options.onStep?.("locked");
    const lines = readLines(options);
    const known = lines.find((line) => line.kind === "leaf" && line.digest === digest);
    let leaf: number;
    if (known?.kind === "leaf") {
      leaf = known.leaf;
      // A repeat brings the mark up too: the cut may have been between line and mark.
      replaceFile(`${options.path}.mark`, markText(lines.length, lines.at(-1)!.hash));
    } else {
      leaf = nextLeaf(options, lines);
      const entry = { leaf, digest, at: now(options) };
      const hash = hashOf(lines.at(-1)?.hash ?? startHash(options.publicKey), entry);
      append(options, lines, { kind: "leaf", ...entry, hash }, { ...entry, hash });
    }
    options.onStep?.("marked");
    const { leavesLeft, warning } = stateOf(options, lines);
    return { leaf, isRepeat: known !== undefined, leavesLeft, warning };
  });
}

/** Takes a leased range into the ledger, durably. The same range again changes nothing.
 *  @throws ToolError those of reserveLeaf, and LEASE_REFUSED when it overlaps what the ledger holds already */
export function addRange(options: LedgerOptions, range: { from: number; to: number }): void {
  withLock(`${options.path}.lock`, () => {
    options.onStep?.("locked");
    const lines = readLines(options);
    const { from, to } = range;
    const held = rangesOf(options, lines);
    if (held.some((one) => one.from === from && one.to === to)) return;
    const isInside = from >= offlineLeaves(options.leaves) && to <= options.leaves && from < to;
    if (!isInside || held.some((one) => from < one.to && one.from < to)) {
      throw new ToolError("LEASE_REFUSED", {
        object: `${options.path}.ledger`,
        expected: "a range apart from those that it holds",
        found: `leaves ${from} to ${to - 1}`,
        next: "Do not sign with it: two places lease this key's leaves. Ask who runs the agent.",
      });
    }
    const previous = lines.at(-1)?.hash ?? startHash(options.publicKey);
    const { line, text } = rangeLine(options, previous, from, to);
    append(options, lines, line, text);
    options.onStep?.("marked");
  });
}

/** Reads the whole ledger and checks it. @throws ToolError as reserveLeaf */
export function readLedger(options: LedgerOptions): LedgerState {
  return stateOf(options, readLines(options, { repair: false }));
}

function append(options: LedgerOptions, lines: Line[], line: Line, text: object | string): void {
  const written = typeof text === "string" ? text : `${JSON.stringify(text)}\n`;
  appendFile(`${options.path}.ledger`, written);
  options.onStep?.("appended");
  lines.push(line);
  replaceFile(`${options.path}.mark`, markText(lines.length, line.hash));
}

function rangeLine(options: LedgerOptions, previous: string, from: number, to: number) {
  const entry = { from, to, at: now(options) };
  const hash = hashOf(previous, entry);
  const line: Line = { kind: "range", ...entry, hash };
  return { line, text: `${JSON.stringify({ ...entry, hash })}\n` };
}

/** Leased ranges first, in order; the offline half last, because it is what is left without a network. */
function rangesOf(options: LedgerOptions, lines: LedgerLine[]): LedgerRange[] {
  const isFurther = lines[0]?.kind === "range" && lines[0].from === lines[0].to;
  const ranges: LedgerRange[] = lines.flatMap((line) =>
    line.kind === "range" && line.from < line.to
      ? [{ from: line.from, to: line.to, next: line.from, isLeased: true }]
      : [],
  );
  const to = isFurther ? 0 : offlineLeaves(options.leaves);
  if (to > 0) ranges.push({ from: 0, to, next: 0, isLeased: false });
  for (const line of lines) {
    if (line.kind !== "leaf") continue;
    const range = ranges.find(({ from, to }) => line.leaf >= from && line.leaf < to);
    if (range) range.next = Math.max(range.next, line.leaf + 1);
  }
  return ranges;
}

function nextLeaf(options: LedgerOptions, lines: LedgerLine[]): number {
  const ranges = rangesOf(options, lines);
  const free = ranges.find(({ next, to }) => next < to);
  if (free) return free.next;
  throw new ToolError("LEDGER_EXHAUSTED", {
    object: `${options.path}.ledger`,
    expected: "a free leaf in its ranges",
    found: `all ${ranges.reduce((sum, { from, to }) => sum + to - from, 0)} used`,
    next:
      "Lease more with: fleetling keys lease; when the key has none left, make a new release " +
      "key and a key set that names it.",
  });
}

function stateOf(options: LedgerOptions, lines: LedgerLine[]): LedgerState {
  const ranges = rangesOf(options, lines);
  const entries = lines.flatMap((line) => {
    if (line.kind !== "leaf") return [];
    const { leaf, digest, at } = line;
    return [{ leaf, digest, at }];
  });
  const leavesHeld = ranges.reduce((sum, { from, to }) => sum + to - from, 0);
  const leavesLeft = ranges.reduce((sum, { next, to }) => sum + to - next, 0);
  const used = leavesHeld - leavesLeft;
  const isShort = leavesHeld > 0 && used >= leavesHeld * warnShare;
  const warning = isShort
    ? `${used} of the ${leavesHeld} leaves of this desk are used: lease more with ` +
      "fleetling keys lease, or prepare a new release key and key set."
    : null;
  return { entries, ranges, leavesHeld, leavesLeft, warning };
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
  const lines = complete
    .split("\n")
    .slice(0, -1)
    .map((line, index) => {
      const parsed = parseLine(line);
      if (parsed === null) throw damaged(options, `line ${index + 1} unreadable`);
      return parsed;
    });
  checkChain(options, lines);
  checkMark(options, lines);
  // A torn last line was never followed by a signature: its fsync had not returned.
  if (repair && complete.length < text.length) truncateSync(path, Buffer.byteLength(complete));
  return lines;
}

/** Every leaf has to be the next one of a range that stands before it, once. */
function checkChain(options: LedgerOptions, lines: Line[]): void {
  const seen = new Map<number, string>();
  const ranges = rangesOf(options, lines.slice(0, 1)).filter(({ isLeased }) => !isLeased);
  for (const range of ranges) range.next = range.from;
  let previous = startHash(options.publicKey);
  lines.forEach((line, index) => {
    if (line.kind === "range") {
      ranges.push({ from: line.from, to: line.to, next: line.from, isLeased: true });
    } else {
      const other = seen.get(line.leaf);
      if (other !== undefined) throw leafTwice(options, line.leaf, other, line.digest);
      seen.set(line.leaf, line.digest);
      const range = ranges.find(({ next, to }) => next === line.leaf && next < to);
      if (!range) throw damaged(options, `line ${index + 1} out of order`);
      range.next++;
    }
    if (line.hash !== hashOf(previous, line)) {
      throw damaged(options, `line ${index + 1} not following the line before`);
    }
    previous = line.hash;
  });
}

function leafTwice(options: LedgerOptions, leaf: number, one: string, other: string): ToolError {
  return new ToolError("LEDGER_LEAF_TWICE", {
    object: `${options.path}.ledger`,
    expected: `leaf ${leaf} once`,
    found: `digests ${one.slice(0, 16)}… and ${other.slice(0, 16)}…`,
    next: "Stop signing with this key and replace it by a new key set.",
  });
}

function checkMark(options: LedgerOptions, lines: Line[]): void {
  const text = readFileSync(`${options.path}.mark`, "utf8");
  const [, count, hash] = /^(\d+) ([0-9a-f]{64})\n$/.exec(text) ?? [];
  if (count === undefined) throw damaged(options, "an unreadable mark");
  const marked = Number(count);
  const actual = marked === 0 ? startHash(options.publicKey) : lines[marked - 1]?.hash;
  if (actual !== hash) {
    throw new ToolError("LEDGER_WENT_BACKWARDS", {
      object: `${options.path}.ledger`,
      expected: `${marked} lines, as the mark says`,
      found: `${lines.length}${lines.length >= marked ? " others" : ""}`,
      next: "Restore the newest ledger and mark; if they are lost, retire the key.",
    });
  }
}

function markText(count: number, hash: string): string {
  return `${count} ${hash}\n`;
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
