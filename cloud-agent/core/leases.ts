/** Leaves of release keys: which desk may sign with which, and which have been seen. The agent holds no key; it only
 *  sees to it that no two desks use the same leaf, and notices when somebody did. */
import { keyId } from "../../firmware/protocol/host/cose.ts";
import { lmsParameters, offlineLeaves } from "../../firmware/protocol/host/lms/index.ts";
import type { leavesUsed } from "../../firmware/protocol/host/suitVerify.ts";
import type { Tx } from "../storage/store.ts";
import { AgentCode, AgentError } from "./errors.ts";
import { leaseRangesMax } from "./limits.ts";

/** Share of leaves given away from which every lease warns. */
const warnShare = 0.8;

/** One range of leaves, and whose it is. */
export interface LeaseRange {
  from: number;
  /** first leaf behind it */
  to: number;
  /** the token's name; null: the desk that made the key, or nobody known */
  desk: string | null;
  atMs: number;
  /** leaves below this have been seen in releases, counted from `from` */
  seenTo: number;
}

/** A range as a desk's ledger tells it. */
export interface ToldRange {
  from: number;
  to: number;
  /** the leaf that signs next */
  next: number;
}

export interface LeaseBook {
  /** of the whole key */
  leaves: number;
  /** in order and without a gap from leaf 0 on; the first one is the offline half */
  ranges: LeaseRange[];
}

export interface LeaseAnswer {
  /** null when nothing was asked for */
  lease: { from: number; to: number } | null;
  /** leaves of the key that no desk holds */
  leavesLeft: number;
  leaves: number;
  /** one sentence from 80 % on, else null */
  warning: string | null;
}

/** Leases leaves to a desk, after comparing its ledger with what was leased and seen. Told ranges that this agent does
 *  not know (it was restored from a backup) are taken into the book, so that they are never leased again.
 *  @param count leaves wanted; 0 only compares
 *  @throws AgentError ReleaseKeyUnknown, LeaseOfAnother, LedgerBehind, LeasesHeld, LeavesExhausted,
 *  LeaseRangesFull */
export async function leaseLeaves(
  tx: Tx,
  request: { publicKey: Uint8Array; desk: string; count: number; told: ToldRange[] },
  options: { releaseKeys: readonly Uint8Array[]; nowMs: number },
): Promise<LeaseAnswer> {
  const { publicKey, desk, count } = request;
  if (!options.releaseKeys.some((key) => Buffer.compare(key, publicKey) === 0)) {
    throw new AgentError(
      AgentCode.ReleaseKeyUnknown,
      `key ${hex(keyId(publicKey))}: it is not a release key of the present key set`,
    );
  }
  const book = await readBook(tx, publicKey);
  for (const range of request.told) compare(book, range, desk, options.nowMs);
  const end = book.ranges.at(-1)!.to;
  let lease: LeaseAnswer["lease"] = null;
  if (count > 0) {
    await requireOpen(tx);
    if (end + count > book.leaves) {
      throw new AgentError(
        AgentCode.LeavesExhausted,
        `key ${hex(keyId(publicKey))}: expected ${count} leaves that no desk holds, ${book.leaves - end} are left`,
      );
    }
    lease = { from: end, to: end + count };
    add(book, { ...lease, desk, atMs: options.nowMs, seenTo: end });
    await tx.appendEvent(
      {
        kind: "leavesLeased",
        text: `Desk ${desk} leased leaves ${lease.from} to ${lease.to - 1} of release key ${hex(keyId(publicKey))}.`,
        data: { key: hex(keyId(publicKey)), desk, ...lease },
      },
      options.nowMs,
    );
  }
  await writeBook(tx, publicKey, book);
  return { lease, ...left(book) };
}

/** Notes a leaf of a published release. One that nobody was given (the agent was restored from a backup) closes the
 *  leaves up to it for leasing.
 *  @throws AgentError LeafReused when it signed another message before */
export async function noteLeaf(
  tx: Tx,
  used: ReturnType<typeof leavesUsed>[number],
  releaseKeys: readonly Uint8Array[],
  nowMs: number,
): Promise<void> {
  const { kid, leaf, digest } = used;
  const name = `leaf:${kid}:${leaf}`;
  const seen = await tx.meta(name);
  if (seen === digest) return;
  if (seen !== null) {
    throw new AgentError(
      AgentCode.LeafReused,
      `key ${kid}: leaf ${leaf} already signed another manifest`,
    );
  }
  await tx.putMeta(name, digest);
  const publicKey = releaseKeys.find((key) => hex(keyId(key)) === kid);
  if (!publicKey) return;
  const book = await readBook(tx, publicKey);
  const end = book.ranges.at(-1)!.to;
  if (leaf >= end) add(book, { from: end, to: leaf + 1, desk: null, atMs: nowMs, seenTo: end });
  const range = book.ranges.find(({ from, to }) => leaf >= from && leaf < to)!;
  range.seenTo = Math.max(range.seenTo, leaf + 1);
  await writeBook(tx, publicKey, book);
}

/** After a restore from a backup: no leaf is leased until somebody who knows the desks says that all have compared. */
export async function holdLeases(tx: Tx): Promise<void> {
  await tx.putMeta("leasesHeld", "1");
}

/** Ends the hold. @returns whether there was one */
export async function releaseLeases(tx: Tx, person: string, nowMs: number): Promise<boolean> {
  if ((await tx.meta("leasesHeld")) !== "1") return false;
  await tx.putMeta("leasesHeld", "0");
  await tx.appendEvent(
    {
      kind: "leasesReleased",
      text: `${person} said that every signing desk has compared its ledger; leaves are leased again.`,
      data: { person },
    },
    nowMs,
  );
  return true;
}

async function requireOpen(tx: Tx): Promise<void> {
  if ((await tx.meta("leasesHeld")) !== "1") return;
  throw new AgentError(
    AgentCode.LeasesHeld,
    "leases: this agent was restored from a backup and may have forgotten some",
  );
}

/** Compares one range of a ledger with the book, and takes it in where the book has nobody for it.
 *  @throws AgentError LeaseOfAnother when another desk has told or leased it; LedgerBehind when a release was seen that the
 *  ledger does not know of */
function compare(book: LeaseBook, told: ToldRange, desk: string, nowMs: number): void {
  const { from, to, next } = told;
  if (to > book.leaves || from >= to || next < from || next > to) {
    throw new AgentError(AgentCode.RequestInvalid, `range ${from}..${to}: not of this key`);
  }
  const end = book.ranges.at(-1)!.to;
  if (to > end) {
    // What lies between was leased to somebody who has not told yet.
    if (from > end) add(book, { from: end, to: from, desk: null, atMs: nowMs, seenTo: end });
    const start = Math.max(from, end);
    add(book, { from: start, to, desk, atMs: nowMs, seenTo: start });
  }
  for (const one of book.ranges) {
    if (one.from >= to || from >= one.to) continue;
    if (one.from === from && one.to === to) one.desk ??= desk;
    if (one.desk !== null && one.desk !== desk) {
      throw new AgentError(
        AgentCode.LeaseOfAnother,
        `leaves ${from} to ${to - 1}: they are those of desk ${one.desk}, and desk ${desk} has them in its ledger`,
      );
    }
    const seen = one.seenTo - 1;
    if (one.seenTo <= one.from || seen >= to || seen < next) continue;
    throw new AgentError(
      AgentCode.LedgerBehind,
      `ledger of ${desk}: a release with leaf ${seen} was published, its next leaf is ${next}`,
    );
  }
}

function add(book: LeaseBook, range: LeaseRange): void {
  if (book.ranges.length >= leaseRangesMax) {
    throw new AgentError(
      AgentCode.LeaseRangesFull,
      `leases of this key: at most ${leaseRangesMax}, there are as many`,
    );
  }
  book.ranges.push(range);
}

function left(book: LeaseBook): Omit<LeaseAnswer, "lease"> {
  const { leaves } = book;
  const given = book.ranges.at(-1)!.to;
  const isShort = given >= leaves * warnShare;
  const warning = isShort
    ? `${given} of the key's ${leaves} leaves are given to desks: prepare a new release key and key set.`
    : null;
  return { leaves, leavesLeft: leaves - given, warning };
}

async function readBook(tx: Tx, publicKey: Uint8Array): Promise<LeaseBook> {
  const stored = await tx.meta(bookName(publicKey));
  if (stored !== null) return JSON.parse(stored);
  const parameters = lmsParameters(Buffer.from(publicKey).readUInt32BE(0));
  const leaves = 2 ** (parameters?.h ?? 0);
  const offline = { from: 0, to: offlineLeaves(leaves), desk: null, atMs: 0, seenTo: 0 };
  return { leaves, ranges: [offline] };
}

async function writeBook(tx: Tx, publicKey: Uint8Array, book: LeaseBook): Promise<void> {
  const text = JSON.stringify(book);
  if ((await tx.meta(bookName(publicKey))) !== text) await tx.putMeta(bookName(publicKey), text);
}

function bookName(publicKey: Uint8Array): string {
  return `leases:${hex(keyId(publicKey))}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
