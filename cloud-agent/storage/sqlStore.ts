/** The store over a SQL database. Nothing here knows which one: dialect and column types come from outside. */
import { type Dialect, Kysely } from "kysely";
import { AgentCode, AgentError } from "../core/errors.ts";
import type { EventRecord } from "../core/records.ts";
import { type ColumnTypes, migrations, type Tables } from "./schema.ts";
import { SqlTx } from "./sqlTx.ts";
import type { Store, Tx } from "./store.ts";

/** Opens the store and brings its schema forward.
 *  @throws AgentError SchemaNewer when a newer agent has written this database */
export async function openSqlStore(dialect: Dialect, types: ColumnTypes): Promise<Store> {
  const db = new Kysely<Tables>({ dialect });
  try {
    await migrate(db, types);
  } catch (cause) {
    await db.destroy();
    throw cause;
  }
  return new SqlStore(db);
}

/** One transaction per step, so that a killed agent goes on where it was. */
async function migrate(db: Kysely<Tables>, types: ColumnTypes): Promise<void> {
  await db.schema
    .createTable("meta")
    .ifNotExists()
    .addColumn("key", "text", (c) => c.primaryKey())
    .addColumn("value", "text", (c) => c.notNull())
    .execute();
  const row = await db
    .selectFrom("meta")
    .select("value")
    .where("key", "=", "schemaVersion")
    .executeTakeFirst();
  const found = Number(row?.value ?? 0);
  if (found > migrations.length) {
    throw new AgentError(
      AgentCode.SchemaNewer,
      `database: expected schema version ${migrations.length} or lower, found ${found}`,
    );
  }
  for (let version = found; version < migrations.length; version++) {
    await db.transaction().execute(async (trx) => {
      await migrations[version]!(trx, types);
      await new SqlTx(trx).putMeta("schemaVersion", String(version + 1));
    });
  }
}

class SqlStore implements Store {
  readonly #db: Kysely<Tables>;
  readonly #listeners = new Set<(events: EventRecord[]) => void>();
  /** Transactions one after another: a record that was read cannot change before it is written. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  tx<T>(fn: (tx: Tx) => Promise<T>): Promise<T> {
    const run = this.#last.then(async () => {
      let appended: EventRecord[] = [];
      const result = await this.#db.transaction().execute(async (trx) => {
        const tx = new SqlTx(trx);
        const value = await fn(tx);
        appended = tx.appended;
        return value;
      });
      if (appended.length > 0) for (const listener of this.#listeners) listener(appended);
      return result;
    });
    this.#last = run.catch(() => undefined);
    return run;
  }

  onEvents(listener: (events: EventRecord[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#db.destroy();
  }
}
