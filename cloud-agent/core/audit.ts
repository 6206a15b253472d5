/** Who asked the agent to change something, and what became of it: a chain of records, each with the hash of the one
 *  before, so that none can be changed or taken out of the middle unseen. Devices are not in it: they have the event log. */
import { createHash } from "node:crypto";
import type { Tx } from "../storage/store.ts";
import { documentKind } from "./documents.ts";

/** What a record says. A request is written before it is carried out, its answer before it is sent. */
export interface AuditEntry {
  atMs: number;
  tokenId: string;
  person: string;
  role: string;
  method: string;
  /** with its serials and ids, without its query */
  path: string;
  /** hex SHA-256 of the request's body as JSON: the body itself may hold what somebody has a right to have erased */
  bodyDigest: string;
  /** index of the request that this record answers; null for a request */
  answers: number | null;
  /** HTTP status of the answer; null for a request */
  status: number | null;
}

export interface AuditRecord extends AuditEntry {
  /** from 0, without gaps */
  index: number;
  /** hash of the record before; 64 zeros for the first */
  previous: string;
  hash: string;
}

export interface AuditHead {
  /** index of the newest record; -1 for none */
  index: number;
  hash: string;
}

const records = documentKind<AuditRecord>("audit");
const headName = "auditHead";
const noHead: AuditHead = { index: -1, hash: "0".repeat(64) };

/** Hash of a record: SHA-256 over the JSON list of its fields in this order. */
export function auditHash(record: Omit<AuditRecord, "hash">): string {
  const { index, previous, atMs, tokenId, person, role, method, path } = record;
  const { bodyDigest, answers, status } = record;
  const fields = [index, previous, atMs, tokenId, person, role, method, path];
  return createHash("sha256")
    .update(JSON.stringify([...fields, bodyDigest, answers, status]))
    .digest("hex");
}

export async function auditHead(tx: Tx): Promise<AuditHead> {
  const text = await tx.meta(headName);
  return text === null ? noHead : JSON.parse(text);
}

/** Adds a record to the chain. */
export async function appendAudit(tx: Tx, entry: AuditEntry): Promise<AuditRecord> {
  const head = await auditHead(tx);
  const linked = { ...entry, index: head.index + 1, previous: head.hash };
  const record = { ...linked, hash: auditHash(linked) };
  await tx.documents.put(records, { id: idOf(record.index), value: record });
  await tx.putMeta(headName, JSON.stringify({ index: record.index, hash: record.hash }));
  return record;
}

/** Records in their order, from this index on. */
export async function auditPage(tx: Tx, fromIndex: number, limit: number): Promise<AuditRecord[]> {
  const page = fromIndex > 0 ? { after: idOf(fromIndex - 1), limit } : { limit };
  return (await tx.documents.list(records, page)).map(({ value }) => value);
}

/** Checks a run of records against the one before them.
 *  @returns what is wrong in words, null for nothing */
export function auditFault(run: readonly AuditRecord[], before: AuditHead = noHead): string | null {
  let { index, hash } = before;
  for (const record of run) {
    index++;
    if (record.index !== index) return `record ${index}: expected it, got ${record.index}`;
    if (record.previous !== hash) return `record ${index}: does not follow the one before it`;
    hash = auditHash(record);
    if (record.hash !== hash) return `record ${index}: was changed after it was written`;
  }
  return null;
}

/** Sorts as the number does. */
function idOf(index: number): string {
  return String(index).padStart(12, "0");
}
