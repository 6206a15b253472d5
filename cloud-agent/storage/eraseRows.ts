import { type Kysely, sql } from "kysely";
import type { Tables } from "./schema.ts";

/** Events that prove what became of the device, and that it was erased. */
const keptKinds = ["certificateIssued", "dataErased"];

/** Deletes up to `limit` rows each of a device's samples, hours and days, and events. */
export async function eraseRows(
  db: Kysely<Tables>,
  serial: string,
  limit: number,
): Promise<{ vitals: number; spans: number; events: number }> {
  const counts = { vitals: 0, spans: 0, events: 0 };
  for (const table of ["vitals", "events"] as const) {
    let query = db.selectFrom(table).select("id").where("serial", "=", serial).limit(limit);
    if (table === "events") query = query.where(sql.ref("kind"), "not in", keptKinds);
    const ids = (await query.execute()).map((row) => row.id);
    if (ids.length === 0) continue;
    const done = await db.deleteFrom(table).where("id", "in", ids).executeTakeFirst();
    counts[table] = Number(done.numDeletedRows);
  }
  const done = await sql`
    delete from vitals_spans where (serial, kind, from_ms, sequence) in (
      select serial, kind, from_ms, sequence from vitals_spans
      where serial = ${serial} limit ${limit})`.execute(db);
  counts.spans = Number(done.numAffectedRows ?? 0);
  return counts;
}

/** Rows that `eraseRows` would delete in all. */
export async function countRows(
  db: Kysely<Tables>,
  serial: string,
): Promise<{ vitals: number; spans: number; events: number }> {
  const count = async (table: "vitals" | "events" | "vitals_spans") => {
    let query = db
      .selectFrom(table)
      .select((e) => e.fn.countAll().as("count"))
      .where("serial", "=", serial);
    if (table === "events") query = query.where(sql.ref("kind"), "not in", keptKinds);
    return Number((await query.executeTakeFirstOrThrow()).count);
  };
  return {
    vitals: await count("vitals"),
    spans: await count("vitals_spans"),
    events: await count("events"),
  };
}
