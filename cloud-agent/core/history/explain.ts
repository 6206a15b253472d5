/** One answer for one device: what it would get and why, and why it does not run a release; now or at any time before. */
import type { Tx } from "../../storage/store.ts";
import { AgentCode, AgentError } from "../errors.ts";
import { needDevice } from "../lifecycle.ts";
import { pageRowsMax } from "../limits.ts";
import type { DeviceRecord, EventRecord, ReleaseRecord } from "../records.ts";
import { type Next, nextFor } from "../rollout/decide.ts";
import { factsOf, isTargeted } from "../rollout/facts.ts";
import type { RolloutRecord } from "../rollout/types.ts";
import { timeWords } from "../rollout/words.ts";
import { type WhyAnswer, whyNotUpdated } from "../why/why.ts";
import { releasesAt, rolloutAt, statusKinds, waveKind } from "./past.ts";
import { deviceAt, snapshots } from "./snapshot.ts";

export interface Explanation {
  serial: string;
  /** the instant it is about */
  atMs: number;
  next: Next;
  /** release that `why` is about: the one asked for, else the highest that a rollout meant for the device */
  sequence: number | null;
  why: WhyAnswer | null;
}

/** @param request.atMs null: now. @param request.sequence null: chosen
 *  @throws AgentError UnknownDevice, HistoryTooShort, RequestInvalid for a time to come */
export async function explain(
  tx: Tx,
  request: { serial: string; sequence: number | null; atMs: number | null },
  nowMs: number,
): Promise<Explanation> {
  const { serial } = request;
  const atMs = request.atMs ?? nowMs;
  if (atMs > nowMs) {
    throw new AgentError(
      AgentCode.RequestInvalid,
      `atMs: expected a time up to ${timeWords(nowMs)}, got ${timeWords(atMs)}`,
    );
  }
  const known = await needDevice(tx, serial);
  const isPast = request.atMs !== null;
  const device = isPast ? await past(tx, known, atMs) : known;
  const all = await tx.rollouts({});
  const rollouts = isPast ? await pastRollouts(tx, all, serial, atMs) : all;
  const releases = releasesAt(await tx.releases(), atMs);
  const facts = factsOf(device);
  const next = nextFor(facts, rollouts, releases, atMs);
  const meant = rollouts.filter(
    (rollout) => rollout.status !== "draft" && isTargeted(rollout, facts, atMs),
  );
  const highest = Math.max(0, ...meant.map(({ policy }) => policy.sequence));
  const sequence = request.sequence ?? (highest === 0 ? null : highest);
  if (sequence === null) return { serial, atMs, next, sequence, why: null };
  const events = (await eventsAbout(tx, serial, sequence)).filter((event) => event.atMs <= atMs);
  const release: ReleaseRecord | null = releases.find((one) => one.sequence === sequence) ?? null;
  const why = whyNotUpdated(serial, sequence, events, device, rollouts, release, atMs, releases);
  return { serial, atMs, next, sequence, why };
}

/** The device as it was.
 *  @throws AgentError HistoryTooShort */
async function past(tx: Tx, device: DeviceRecord, atMs: number): Promise<DeviceRecord> {
  const { serial } = device;
  let found = null;
  let firstMs: number | null = null;
  let after: string | undefined;
  for (;;) {
    const page = await tx.documents.list(snapshots, { ref: serial, after, limit: pageRowsMax });
    for (const { value } of page) {
      firstMs ??= value.atMs;
      if (value.atMs <= atMs) found = value;
    }
    if (page.length < pageRowsMax) break;
    after = page[page.length - 1]!.id;
  }
  if (found === null) {
    const begins = firstMs === null ? "there is none yet" : `it begins at ${timeWords(firstMs)}`;
    throw new AgentError(
      AgentCode.HistoryTooShort,
      `device ${serial}: expected a history at ${timeWords(atMs)}, ${begins}`,
    );
  }
  const [row] = await tx.vitals({ serial, untilMs: atMs, limit: 1 });
  const isNow = device.lastSeenMs !== null && device.lastSeenMs <= atMs;
  const lastSeenMs = isNow ? device.lastSeenMs : (row?.atMs ?? found.atMs);
  return deviceAt(device, found, lastSeenMs);
}

async function pastRollouts(
  tx: Tx,
  rollouts: RolloutRecord[],
  serial: string,
  atMs: number,
): Promise<RolloutRecord[]> {
  const found: RolloutRecord[] = [];
  for (const rollout of rollouts) {
    const events = await ownEvents(tx, rollout.id, serial);
    const then = rolloutAt(rollout, serial, events, atMs);
    if (then !== null) found.push(then);
  }
  return found;
}

/** A rollout's turns and what it did to one device, in order; not the thousands of lines about the others. */
async function ownEvents(tx: Tx, rolloutId: string, serial: string): Promise<EventRecord[]> {
  const limit = pageRowsMax;
  const events = await tx.events({ rolloutId, serial, limit });
  for (const kind of ["rolloutCreated", waveKind, ...Object.keys(statusKinds)]) {
    events.push(...(await tx.events({ rolloutId, kind, limit })));
  }
  return events.sort((a, b) => a.id - b.id);
}

/** The newest events of the device and those of the release that name no device, in order. */
export async function eventsAbout(tx: Tx, serial: string, wanted: number): Promise<EventRecord[]> {
  const newest = { limit: pageRowsMax, newestFirst: true };
  const own = await tx.events({ ...newest, serial });
  const general = await tx.events({ ...newest, sequence: wanted });
  const byId = new Map(own.map((event) => [event.id, event]));
  for (const event of general) {
    if (event.serial === null) byId.set(event.id, event);
  }
  return [...byId.values()].sort((a, b) => a.id - b.id);
}
