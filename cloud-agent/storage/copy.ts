/** Copies all data from one database to another, whichever kinds they are. */
import { Kysely, type RawBuilder, sql, type Transaction } from "kysely";
import { AgentCode, AgentError } from "../core/errors.ts";
import { raiseReservations } from "../core/restore.ts";
import { countingTables, type DatabaseKind } from "./database.ts";
import type { Tables } from "./schema.ts";
import { bringForward, movedTo, refuseMoved } from "./sqlStore.ts";
import { SqlTx } from "./sqlTx.ts";

/** Every table with its key, in which order rows are read. */
const keys: { [Name in keyof Tables]: (keyof Tables[Name] & string)[] } = {
  meta: ["key"],
  devices: ["serial"],
  sessions: ["serial"],
  events: ["id"],
  releases: ["sequence"],
  blobs: ["kind", "sequence", "class_id"],
  rollouts: ["id"],
  vitals: ["id"],
  vitals_spans: ["serial", "kind", "from_ms", "sequence"],
  certificates: ["index"],
  tokens: ["id"],
  documents: ["kind", "id"],
};
const tables = Object.keys(keys) as (keyof Tables)[];
/** Rows in one INSERT: 9 columns × 500 stays far below SQLite's 32,766 parameters. */
const rowsMax = 500;

export type RowCounts = Record<keyof Tables, number>;

/** What becomes of both sides.
 *  backup: the source stays in use, the target is as it was at one moment.
 *  restore: the target's reservations are raised, because the source is old.
 *  move: as restore, and the source is marked, so that no agent starts on it again. */
export type CopyMode = "backup" | "restore" | "move";

/** Copies everything in one transaction of each side. Only in mode "backup" may an agent run on the source meanwhile.
 *  @param told called after each portion
 *  @returns rows per table
 *  @throws AgentError StoreNotEmpty, StoreMoved, SchemaNewer, Internal when counts differ; nothing is changed then */
export async function copyData(
  mode: CopyMode,
  from: DatabaseKind,
  to: DatabaseKind,
  nowMs: number,
  told: (table: keyof Tables, rows: number) => void = () => undefined,
): Promise<RowCounts> {
  const source = new Kysely<Tables>({ dialect: from.dialect });
  const target = new Kysely<Tables>({ dialect: to.dialect });
  try {
    await bringForward(source, from);
    await bringForward(target, to);
    const reading = source.transaction();
    // Agents go on writing while a backup reads what was there when it began.
    const atOneMoment = mode === "backup" ? reading.setIsolationLevel("repeatable read") : reading;
    return await (from.isShared ? atOneMoment : reading).execute(async (read) => {
      if (mode !== "backup") await from.begin(read);
      await refuseMoved(read, from.place);
      const counts = await target.transaction().execute(async (write) => {
        await to.begin(write);
        await refuseFull(write, to.place);
        const copied = await copyTables(read, write, told);
        for (const table of countingTables)
          await to.writeCounter(write, table, await from.readCounter(read, table));
        if (mode !== "backup") await raiseReservations(new SqlTx(write), nowMs);
        return copied;
      });
      const where = `${to.place} at ${new Date(nowMs).toISOString()}`;
      if (mode === "move") await new SqlTx(read).putMeta(movedTo, where);
      return counts;
    });
  } finally {
    await source.destroy();
    await target.destroy();
  }
}

async function refuseFull(db: Transaction<Tables>, place: string): Promise<void> {
  for (const table of tables) {
    // A database that an agent has started on once knows its schema and its keys.
    if (table === "meta") continue;
    const row = await db.selectFrom(table).select(sql`1`.as("one")).limit(1).executeTakeFirst();
    if (!row) continue;
    throw new AgentError(
      AgentCode.StoreNotEmpty,
      `database ${place}: expected no data, got rows in table ${table}`,
    );
  }
  await db.deleteFrom("meta").execute();
}

async function copyTables(
  read: Transaction<Tables>,
  write: Transaction<Tables>,
  told: (table: keyof Tables, rows: number) => void,
): Promise<RowCounts> {
  const counts = {} as RowCounts;
  for (const table of tables) {
    counts[table] = await copyTable(read, write, table, (rows) => told(table, rows));
    const there = await rowsIn(write, table);
    if (there === counts[table]) continue;
    throw new AgentError(
      AgentCode.Internal,
      `table ${table}: expected ${counts[table]} rows in the new database, got ${there}`,
    );
  }
  return counts;
}

async function copyTable(
  read: Transaction<Tables>,
  write: Transaction<Tables>,
  table: keyof Tables,
  told: (rows: number) => void,
): Promise<number> {
  const key = keys[table];
  const columns = sql.join(key.map((name) => sql.ref(name)));
  let after: unknown[] | null = null;
  let copied = 0;
  for (;;) {
    const behind: RawBuilder<unknown> =
      after === null ? sql`` : sql`where (${columns}) > (${sql.join(after)})`;
    const page: RawBuilder<Record<string, unknown>> = sql`
      select * from ${sql.table(table)} ${behind} order by ${columns} limit ${rowsMax}`;
    const { rows } = await page.execute(read);
    if (rows.length > 0) {
      await write
        .insertInto(table)
        .values(rows as never)
        .execute();
      after = key.map((name) => rows.at(-1)![name]);
      copied += rows.length;
      told(copied);
    }
    if (rows.length < rowsMax) return copied;
  }
}

async function rowsIn(db: Transaction<Tables>, table: keyof Tables): Promise<number> {
  const query = sql<{ count: number }>`select count(*) as count from ${sql.table(table)}`;
  return Number((await query.execute(db)).rows[0]!.count);
}
