import { type Selectable, sql, type Transaction } from "kysely";
import type { VitalsRecord } from "../core/records.ts";
import type { SpanKind, VitalsSpan } from "../core/vitals/spans.ts";
import type { VitalsSpans } from "../core/vitals/store.ts";
import type { Tables } from "./schema.ts";
import { vitalsOf } from "./sqlRows.ts";

/** Rolled-up vitals of one transaction. */
export class SqlSpans implements VitalsSpans {
  readonly #db: Transaction<Tables>;

  constructor(db: Transaction<Tables>) {
    this.#db = db;
  }

  async rawAfter(id: number, limit: number): Promise<(VitalsRecord & { id: number })[]> {
    const rows = await this.#db
      .selectFrom("vitals")
      .selectAll()
      .where("id", ">", id)
      .orderBy("id")
      .limit(limit)
      .execute();
    return rows.map((row) => ({ id: Number(row.id), ...vitalsOf(row) }));
  }

  async get(key: Parameters<VitalsSpans["get"]>[0]): Promise<VitalsSpan | null> {
    const row = await this.#db
      .selectFrom("vitals_spans")
      .selectAll()
      .where("serial", "=", key.serial)
      .where("kind", "=", key.kind)
      .where("from_ms", "=", key.fromMs)
      .where("sequence", "=", key.sequence)
      .executeTakeFirst();
    return row === undefined ? null : spanOf(row);
  }

  async newest(serial: string): Promise<VitalsSpan | null> {
    const [newest] = await this.ofDevice({ serial, kind: "hour", limit: 1 });
    return newest ?? null;
  }

  async put(spans: VitalsSpan[]): Promise<void> {
    for (const { serial, kind, fromMs, sequence, ...rest } of spans) {
      const columns = { document: JSON.stringify(rest) };
      await this.#db
        .insertInto("vitals_spans")
        .values({ serial, kind, from_ms: fromMs, sequence, ...columns })
        .onConflict((conflict) =>
          conflict.columns(["serial", "kind", "from_ms", "sequence"]).doUpdateSet(columns),
        )
        .execute();
    }
  }

  async ofDevice(filter: Parameters<VitalsSpans["ofDevice"]>[0]): Promise<VitalsSpan[]> {
    let query = this.#db
      .selectFrom("vitals_spans")
      .selectAll()
      .where("serial", "=", filter.serial)
      .where("kind", "=", filter.kind)
      .orderBy("from_ms", "desc")
      .orderBy("sequence", "desc")
      .limit(filter.limit);
    if (filter.sinceMs !== undefined) query = query.where("from_ms", ">=", filter.sinceMs);
    if (filter.untilMs !== undefined) query = query.where("from_ms", "<=", filter.untilMs);
    return (await query.execute()).map(spanOf).reverse();
  }

  async ofDevices(filter: Parameters<VitalsSpans["ofDevices"]>[0]): Promise<VitalsSpan[]> {
    const rows = await this.#db
      .selectFrom("vitals_spans")
      .selectAll()
      .where("serial", ">=", filter.fromSerial)
      .where("serial", "<=", filter.toSerial)
      .where("kind", "=", filter.kind)
      .where("from_ms", ">=", filter.sinceMs)
      .where("from_ms", "<", filter.untilMs)
      .orderBy("serial")
      .orderBy("from_ms")
      .execute();
    return rows.map(spanOf);
  }

  async deleteRaw(options: Parameters<VitalsSpans["deleteRaw"]>[0]): Promise<number> {
    const { uptoId, beforeMs, rowsMax, limit } = options;
    const newest = await this.#db
      .selectFrom("vitals")
      .select((e) => e.fn.max("id").as("id"))
      .executeTakeFirst();
    // Numbers only grow by one, so the newest one tells how many there can be at most without counting them.
    const surplusId = Math.min(uptoId, Number(newest?.id ?? 0) - rowsMax);
    // By the index of the time, and by the key: neither looks at rows that stay.
    const old = await this.#db
      .selectFrom("vitals")
      .select("id")
      .where("at_ms", "<", beforeMs)
      .where("id", "<=", uptoId)
      .limit(limit)
      .execute();
    const surplus = await this.#db
      .selectFrom("vitals")
      .select("id")
      .where("id", "<=", surplusId)
      .limit(limit)
      .execute();
    const ids = [...new Set([...old, ...surplus].map((row) => row.id))].slice(0, limit);
    if (ids.length === 0) return 0;
    const done = await this.#db.deleteFrom("vitals").where("id", "in", ids).executeTakeFirst();
    return Number(done.numDeletedRows);
  }

  async deleteSpans(kind: SpanKind, beforeMs: number, limit: number): Promise<number> {
    const result = await sql`
      delete from vitals_spans where (serial, kind, from_ms, sequence) in (
        select serial, kind, from_ms, sequence from vitals_spans
        where kind = ${kind} and from_ms < ${beforeMs} limit ${limit})`.execute(this.#db);
    return Number(result.numAffectedRows ?? 0);
  }
}

function spanOf(row: Selectable<Tables["vitals_spans"]>): VitalsSpan {
  const { serial, kind, from_ms, sequence, document } = row;
  const key = { kind: kind as SpanKind, fromMs: Number(from_ms), sequence: Number(sequence) };
  return { serial, ...key, ...JSON.parse(document) };
}
