/** The lines of a leaf ledger: a leaf that was used, or a range that was leased; each hashed over the one before. */
import { createHash } from "node:crypto";

/** A range of leaves that this ledger may use. */
export interface LedgerRange {
  from: number;
  /** first leaf behind it */
  to: number;
  /** the leaf that signs next; equal to `to` when the range is used up */
  next: number;
  /** by the agent; false: the offline half of the key */
  isLeased: boolean;
}

export type LedgerLine =
  | { kind: "leaf"; leaf: number; digest: string; at: string }
  | { kind: "range"; from: number; to: number; at: string };

export type Line = LedgerLine & { hash: string };

/** Reads one line. @returns null for anything else */
export function parseLine(text: string): Line | null {
  try {
    const { leaf, digest, from, to, at, hash } = JSON.parse(text);
    if (!isHash(hash) || typeof at !== "string" || at === "") return null;
    if (isLeaf(leaf) && isHash(digest)) return { kind: "leaf", leaf, digest, at, hash };
    if (isLeaf(from) && isLeaf(to) && from <= to) return { kind: "range", from, to, at, hash };
    return null;
  } catch {
    return null;
  }
}

/** Hash that the first line follows: it ties the ledger to its key. */
export function startHash(publicKey: string): string {
  return createHash("sha256").update(`ledger ${publicKey}`).digest("hex");
}

/** Hash of a line over the one before. */
export function hashOf(
  previous: string,
  line: { leaf: number; digest: string; at: string } | { from: number; to: number; at: string },
): string {
  const fields =
    "leaf" in line ? [line.leaf, line.digest, line.at] : ["range", line.from, line.to, line.at];
  return createHash("sha256")
    .update([previous, ...fields].join(" "))
    .digest("hex");
}

function isHash(text: unknown): text is string {
  return typeof text === "string" && /^[0-9a-f]{64}$/.test(text);
}

function isLeaf(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 2 ** 25;
}
