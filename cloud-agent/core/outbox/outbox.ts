/** The outbox: what has to reach another system is written in the transaction of its cause, and sent afterwards until it
 *  is delivered or given up. An entry may arrive twice, never not at all and unnoticed: receivers tell repeats by its id.
 *  Times named "steady" are those of the listening clock, so that no jump of the host's clock delays a repeat. */
import type { Tx } from "../../storage/store.ts";
import { documentKind } from "../documents.ts";
import { AgentCode, AgentError } from "../errors.ts";
import {
  endedMax,
  errorCharsMax,
  giveUpMs,
  keepMs,
  retryMs,
  retryMsMax,
  waitingMax,
} from "./limits.ts";

export interface OutboxEntry {
  /** rises from entry to entry; stays the same over repeats and replays */
  id: string;
  /** name of a configured output */
  output: string;
  /** what it is about, for example "alert.fired" */
  kind: string;
  /** entries of one output and stream go in their order, each only after the one before has ended */
  stream: string;
  /** JSON text, exactly as it is signed and sent */
  body: string;
  state: "waiting" | "delivered" | "failed";
  /** wall clock */
  createdMs: number;
  endedMs: number | null;
  /** steady: when it began to wait */
  waitingSinceMs: number;
  attempts: number;
  /** what the last attempt met with; null after a good one */
  error: string | null;
}

/** What became of one attempt. */
export type Outcome =
  | { isDelivered: true }
  /** @param retryAfterMs asked for by the receiver */
  | { isDelivered: false; error: string; retryAfterMs?: number };

export interface OutboxClock {
  steadyMs: number;
  wallMs: number;
}

/** A kind for each output, so that one that is down with thousands of entries holds up no other. */
const waitingFor = (output: string) => documentKind<OutboxEntry>(`outboxWaiting ${output}`);
export const outboxEnded = documentKind<OutboxEntry>("outboxEnded");
const counterName = "outboxEntries";
const outputsName = "outboxOutputs";

/** Puts an entry into the outbox, in the transaction of its cause. A full outbox lets its oldest entry go as failed.
 *  @param now.waitingMax entries of one output that wait; left out: the limit */
export async function enqueue(
  tx: Tx,
  entry: Pick<OutboxEntry, "output" | "kind" | "stream"> & { body: unknown },
  now: OutboxClock & { waitingMax?: number },
): Promise<OutboxEntry> {
  const most = now.waitingMax ?? waitingMax;
  const count = Number((await tx.meta(counterName)) ?? 0) + 1;
  await tx.putMeta(counterName, String(count));
  const full: OutboxEntry = {
    ...entry,
    id: String(count).padStart(12, "0"),
    body: JSON.stringify(entry.body),
    state: "waiting",
    createdMs: now.wallMs,
    endedMs: null,
    waitingSinceMs: now.steadyMs,
    attempts: 0,
    error: null,
  };
  await noteOutput(tx, entry.output);
  const waiting = waitingFor(entry.output);
  if ((await tx.documents.count(waiting)) >= most) {
    const [oldest] = await tx.documents.list(waiting, { limit: 1 });
    const error = `gave way: ${most} entries wait`;
    if (oldest) await end(tx, { ...oldest.value, error }, "failed", now);
  }
  await putWaiting(tx, full, now.steadyMs);
  return full;
}

/** Names of all outputs that ever had an entry, whether they are configured now or not. */
export async function outboxOutputs(tx: Tx): Promise<string[]> {
  return JSON.parse((await tx.meta(outputsName)) ?? "[]");
}

/** Entries of an output whose turn it is: due, and the first of their stream. */
export async function dueEntries(
  tx: Tx,
  output: string,
  steadyMs: number,
  limit: number,
): Promise<OutboxEntry[]> {
  const waiting = waitingFor(output);
  const due = await tx.documents.list(waiting, { dueByMs: steadyMs, limit });
  const heads: OutboxEntry[] = [];
  for (const { ref, id, value } of due) {
    const [first] = await tx.documents.list(waiting, { ref: ref!, limit: 1 });
    if (first?.id === id) heads.push(value);
  }
  return heads;
}

/** Entries that wait, of all outputs, the oldest of each first. */
export async function waitingEntries(tx: Tx, limit: number): Promise<OutboxEntry[]> {
  const all: OutboxEntry[] = [];
  for (const output of await outboxOutputs(tx)) {
    const some = await tx.documents.list(waitingFor(output), { limit });
    all.push(...some.map(({ value }) => value));
  }
  return all.sort((a, b) => (a.id < b.id ? -1 : 1)).slice(0, limit);
}

/** How much waits: entries, and the steady time since when the oldest one does; null for none. */
export async function backlog(tx: Tx): Promise<{ entries: number; sinceMs: number | null }> {
  let entries = 0;
  let sinceMs: number | null = null;
  for (const output of await outboxOutputs(tx)) {
    entries += await tx.documents.count(waitingFor(output));
    const [oldest] = await tx.documents.list(waitingFor(output), { limit: 1 });
    if (oldest)
      sinceMs = Math.min(sinceMs ?? Number.POSITIVE_INFINITY, oldest.value.waitingSinceMs);
  }
  return { entries, sinceMs };
}

/** Notes what became of an attempt: ended, or waiting for the next one. An entry that is not there any more is left. */
export async function settle(
  tx: Tx,
  { id, output }: { id: string; output: string },
  outcome: Outcome,
  now: OutboxClock,
): Promise<void> {
  const entry = await tx.documents.get(waitingFor(output), id);
  if (!entry) return;
  const attempts = entry.attempts + 1;
  if (outcome.isDelivered) return end(tx, { ...entry, attempts, error: null }, "delivered", now);
  const tried = { ...entry, attempts, error: outcome.error.slice(0, errorCharsMax) };
  const pauseMs = Math.max(pauseAfter(attempts), Math.min(outcome.retryAfterMs ?? 0, retryMsMax));
  if (now.steadyMs + pauseMs - entry.waitingSinceMs > giveUpMs) {
    return end(tx, tried, "failed", now);
  }
  await putWaiting(tx, tried, now.steadyMs + pauseMs);
}

/** Pause after so many failed attempts: 10 s, doubled, up to an hour. */
export function pauseAfter(attempts: number): number {
  return Math.min(retryMs * 2 ** Math.min(attempts - 1, 16), retryMsMax);
}

/** Sends an entry again: an ended one anew, under its id; a waiting one at once.
 *  @throws AgentError NotFound */
export async function replay(
  tx: Tx,
  id: string,
  now: OutboxClock & { person: string },
): Promise<OutboxEntry> {
  const ended = await tx.documents.get(outboxEnded, id);
  const entry = ended ?? (await findWaiting(tx, id));
  if (!entry) {
    throw new AgentError(AgentCode.NotFound, `outbox entry ${id}: there is none with this id`);
  }
  const waitingSinceMs = ended ? now.steadyMs : entry.waitingSinceMs;
  const again: OutboxEntry = { ...entry, state: "waiting", endedMs: null, waitingSinceMs };
  if (ended) await tx.documents.delete(outboxEnded, id);
  await putWaiting(tx, again, now.steadyMs);
  const text = `${now.person} had ${entry.kind} sent to ${entry.output} again.`;
  const data = { id, output: entry.output, person: now.person };
  await tx.appendEvent({ kind: "outboxReplayed", text, data }, now.wallMs);
  return again;
}

/** Forgets ended entries that are old, or too many. @returns how many; bounded per call */
export async function forgetEnded(tx: Tx, steadyMs: number): Promise<number> {
  const limit = 200;
  const old = await tx.documents.list(outboxEnded, { dueByMs: steadyMs, limit });
  const surplus = (await tx.documents.count(outboxEnded)) - old.length - endedMax;
  const first =
    surplus > 0 ? await tx.documents.list(outboxEnded, { limit: Math.min(surplus, limit) }) : [];
  const ids = new Set([...old, ...first].map(({ id }) => id));
  for (const id of ids) await tx.documents.delete(outboxEnded, id);
  return ids.size;
}

async function findWaiting(tx: Tx, id: string): Promise<OutboxEntry | null> {
  for (const output of await outboxOutputs(tx)) {
    const entry = await tx.documents.get(waitingFor(output), id);
    if (entry) return entry;
  }
  return null;
}

async function noteOutput(tx: Tx, output: string): Promise<void> {
  const known = await outboxOutputs(tx);
  if (!known.includes(output)) await tx.putMeta(outputsName, JSON.stringify([...known, output]));
}

async function putWaiting(tx: Tx, entry: OutboxEntry, dueMs: number): Promise<void> {
  const { id, stream: ref } = entry;
  await tx.documents.put(waitingFor(entry.output), { id, ref, dueMs, value: entry });
}

async function end(
  tx: Tx,
  entry: OutboxEntry,
  state: "delivered" | "failed",
  now: OutboxClock,
): Promise<void> {
  const ended: OutboxEntry = { ...entry, state, endedMs: now.wallMs };
  await tx.documents.delete(waitingFor(entry.output), entry.id);
  const dueMs = now.steadyMs + keepMs;
  await tx.documents.put(outboxEnded, { id: entry.id, ref: state, dueMs, value: ended });
  if (state === "delivered") return;
  const text = `${entry.kind} could not be sent to ${entry.output} in ${entry.attempts} attempts: ${entry.error}.`;
  const data = { id: entry.id, output: entry.output, attempts: entry.attempts };
  await tx.appendEvent({ kind: "outboxGaveUp", text, data }, now.wallMs);
}
