import type { Selectable, Transaction } from "kysely";
import type { VitalsRecord } from "../core/records.ts";
import { type SpanKey, type SpanKind, spanKey, type VitalsSpan } from "../core/vitals/spans.ts";
import type { VitalsSpans } from "../core/vitals/store.ts";
import type { Tables } from "./schema.ts";
import { vitalsOf } from "./sqlRows.ts";

/** Rows in one INSERT: 5 columns × 500 stays far below SQLite's 32,766 and PostgreSQL's 65,535 parameters. */
const insertRowsMax = 500;
const distinct = <T>(values: T[]): T[] => [...new Set(values)];

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

  async rawOf(
    page: Parameters<VitalsSpans["rawOf"]>[0],
  ): Promise<(VitalsRecord & { id: number })[]> {
    const { serial, after, limit } = page;
    const rows = await this.#db
      .selectFrom("vitals")
      .selectAll()
      .where("serial", "=", serial)
      .where((e) =>
        e.or([
          e("at_ms", ">", after.atMs),
          e.and([e("at_ms", "=", after.atMs), e("id", ">", after.id)]),
        ]),
      )
      .orderBy("at_ms")
      .orderBy("id")
      .limit(limit)
      .execute();
    return rows.map((row) => ({ id: Number(row.id), ...vitalsOf(row) }));
  }

  async keepRolled(rows: VitalsRecord[]): Promise<void> {
    if (rows.length === 0) return;
    const least = await this.#db
      .selectFrom("vitals")
      .select((e) => e.fn.min("id").as("id"))
      .executeTakeFirst();
    // Below zero is behind every cursor; rising, because rows of one instant are told in order of their numbers.
    let id = Math.min(0, Number(least?.id ?? 0)) - rows.length;
    for (let start = 0; start < rows.length; start += insertRowsMax) {
      const part = rows.slice(start, start + insertRowsMax).map((row) => ({
        ...{ id: id++, serial: row.serial, at_ms: row.atMs, sequence: row.sequence },
        document: JSON.stringify(row.values),
      }));
      await this.#db.insertInto("vitals").values(part).execute();
    }
  }

  async get(keys: SpanKey[]): Promise<VitalsSpan[]> {
    if (keys.length === 0) return [];
    const rows = await this.#db
      .selectFrom("vitals_spans")
      .selectAll()
      .where("serial", "in", distinct(keys.map(({ serial }) => serial)))
      .where("kind", "in", distinct(keys.map(({ kind }) => kind)))
      .where("from_ms", "in", distinct(keys.map(({ fromMs }) => fromMs)))
      .execute();
    const wanted = new Set(keys.map(spanKey));
    return rows.map(spanOf).filter((span) => wanted.has(spanKey(span)));
  }

  async newest(serials: string[]): Promise<VitalsSpan[]> {
    if (serials.length === 0) return [];
    const rows = await this.#db
      .selectFrom("vitals_spans")
      .selectAll()
      .where("kind", "=", "hour")
      .innerJoin(
        (e) =>
          e
            .selectFrom("vitals_spans")
            .select((x) => ["serial as of", x.fn.max("from_ms").as("newest")])
            .where("kind", "=", "hour")
            .where("serial", "in", serials)
            .groupBy("serial")
            .as("last"),
        (join) =>
          join
            .onRef("last.of", "=", "vitals_spans.serial")
            .onRef("last.newest", "=", "vitals_spans.from_ms"),
      )
      .execute();
    const bySerial = new Map<string, VitalsSpan>();
    for (const span of rows.map(spanOf)) {
      const known = bySerial.get(span.serial);
      if (!known || span.lastMs >= known.lastMs) bySerial.set(span.serial, span);
    }
    return [...bySerial.values()];
  }

  async put(spans: VitalsSpan[]): Promise<void> {
    for (let start = 0; start < spans.length; start += insertRowsMax) {
      const part = spans.slice(start, start + insertRowsMax);
      const rows = part.map(({ serial, kind, fromMs, sequence, ...rest }) => {
        return { serial, kind, from_ms: fromMs, sequence, document: JSON.stringify(rest) };
      });
      await this.#db
        .insertInto("vitals_spans")
        .values(rows)
        .onConflict((conflict) =>
          conflict
            .columns(["serial", "kind", "from_ms", "sequence"])
            .doUpdateSet((e) => ({ document: e.ref("excluded.document") })),
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
    if (filter.serials.length === 0) return [];
    const rows = await this.#db
      .selectFrom("vitals_spans")
      .selectAll()
      .where("serial", "in", filter.serials)
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

  async deleteSpans(kind: SpanKind, serials: string[], beforeMs: number): Promise<number> {
    if (serials.length === 0) return 0;
    const done = await this.#db
      .deleteFrom("vitals_spans")
      .where("serial", "in", serials)
      .where("kind", "=", kind)
      .where("from_ms", "<", beforeMs)
      .executeTakeFirst();
    return Number(done.numDeletedRows);
  }
}

function spanOf(row: Selectable<Tables["vitals_spans"]>): VitalsSpan {
  const { serial, kind, from_ms, sequence, document } = row;
  const key = { kind: kind as SpanKind, fromMs: Number(from_ms), sequence: Number(sequence) };
  return { serial, ...key, ...JSON.parse(document) };
}
