/** Rolls raw samples up into hours and days, and deletes what is older than the policy. Each transaction moves the cursor
 *  together with what it wrote: an agent killed at any moment counts no sample twice and leaves none out. */
import type { Tx } from "../../storage/store.ts";
import type { VitalsRecord } from "../records.ts";
import { deletedRowsMax, rolledRowsMax, sweptDevicesMax } from "./limits.ts";
import type { VitalsPolicy } from "./policy.ts";
import {
  addSample,
  emptySpan,
  type LastSample,
  spanKey,
  spanKinds,
  type VitalsSpan,
} from "./spans.ts";

const cursorName = "vitalsRolledUpTo";
const sweptName = "vitalsSweptTo";
const dayMs = 86_400_000;

/** Rolls up the next rows. @returns how many; fewer than the limit when nothing is left */
export async function rollUpNext(tx: Tx, rowsMax = rolledRowsMax): Promise<number> {
  const cursor = Number((await tx.meta(cursorName)) ?? 0);
  const rows = await tx.spans.rawAfter(cursor, rowsMax);
  if (rows.length === 0) return 0;
  const spans = await spansFor(tx, rows);
  const lasts = await lastSamples(tx, rows);
  for (const row of rows) {
    const before = lasts.get(row.serial) ?? null;
    for (const kind of spanKinds) addSample(spans.get(spanKey(emptySpan(row, kind)))!, row, before);
    lasts.set(row.serial, { atMs: row.atMs, crashFreeS: row.values.crashFreeS?.[0] ?? -1 });
  }
  await tx.spans.put([...spans.values()]);
  await tx.putMeta(cursorName, String(rows.at(-1)!.id));
  return rows.length;
}

/** The spans that the rows belong to, as stored or empty, by key. */
async function spansFor(tx: Tx, rows: VitalsRecord[]): Promise<Map<string, VitalsSpan>> {
  const spans = new Map<string, VitalsSpan>();
  for (const row of rows) {
    for (const kind of spanKinds) {
      const fresh = emptySpan(row, kind);
      spans.set(spanKey(fresh), fresh);
    }
  }
  for (const stored of await tx.spans.get([...spans.values()])) spans.set(spanKey(stored), stored);
  return spans;
}

async function lastSamples(tx: Tx, rows: VitalsRecord[]): Promise<Map<string, LastSample>> {
  const serials = [...new Set(rows.map(({ serial }) => serial))];
  const newest = await tx.spans.newest(serials);
  return new Map(
    newest.map((span) => [span.serial, { atMs: span.lastMs, crashFreeS: span.lastCrashFreeS }]),
  );
}

/** Deletes a bounded number of samples that are older than the policy says, or too many, once they are rolled up.
 *  @param nowMs of a clock that does not follow jumps (prudentNowMs)
 *  @returns how many went; fewer than the limit when nothing is left to do */
export async function deleteOldSamples(
  tx: Tx,
  policy: VitalsPolicy,
  nowMs: number,
): Promise<number> {
  return tx.spans.deleteRaw({
    uptoId: Number((await tx.meta(cursorName)) ?? 0),
    beforeMs: nowMs - policy.rawDays * dayMs,
    rowsMax: policy.rawRowsMax,
    limit: deletedRowsMax,
  });
}

/** Deletes hours and days that are older than the policy says, of the next devices by serial, round and round.
 *  @returns how many went */
export async function deleteOldSpans(tx: Tx, policy: VitalsPolicy, nowMs: number): Promise<number> {
  const after = (await tx.meta(sweptName)) ?? "";
  const devices = await tx.devices({ after, limit: sweptDevicesMax });
  const serials = devices.map(({ serial }) => serial);
  const isEnd = serials.length < sweptDevicesMax;
  await tx.putMeta(sweptName, isEnd ? "" : serials.at(-1)!);
  const hours = await tx.spans.deleteSpans("hour", serials, nowMs - policy.hourDays * dayMs);
  return hours + (await tx.spans.deleteSpans("day", serials, nowMs - policy.dayDays * dayMs));
}
