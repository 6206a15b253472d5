/** The store over a SQL database. Nothing here knows which one: dialect and column types come from outside. */
import { Kysely, type Transaction } from "kysely";
import { AgentCode, AgentError } from "../core/errors.ts";
import type { EventRecord } from "../core/records.ts";
import type { DatabaseKind } from "./database.ts";
import { migrations, type Tables } from "./schema.ts";
import { SqlTx } from "./sqlTx.ts";
import type { Store, Tx } from "./store.ts";

/** Opens the store and brings its schema forward.
 *  @throws AgentError SchemaNewer when a newer agent has written this database, StoreMoved when its data went elsewhere */
export async function openSqlStore(kind: DatabaseKind): Promise<Store> {
  const db = new Kysely<Tables>({ dialect: kind.dialect });
  try {
    await bringForward(db, kind);
    await refuseMoved(db, kind.place);
  } catch (cause) {
    await db.destroy();
    throw cause;
  }
  return new SqlStore(db, kind);
}

/** Name of the value that says where this database's data went. */
export const movedTo = "movedTo";

/** Two agents on two copies would use one send counter twice.
 *  @throws AgentError StoreMoved */
export async function refuseMoved(db: Kysely<Tables>, place: string): Promise<void> {
  const row = await db
    .selectFrom("meta")
    .select("value")
    .where("key", "=", movedTo)
    .executeTakeFirst();
  if (!row) return;
  throw new AgentError(
    AgentCode.StoreMoved,
    `database ${place}: expected one in use, but its data was moved to ${row.value}`,
  );
}

/** One transaction per step, so that a killed agent goes on where it was. */
export async function bringForward(db: Kysely<Tables>, kind: DatabaseKind): Promise<void> {
  const { types, begin } = kind;
  const step = (work: (trx: Transaction<Tables>) => Promise<number>) =>
    db.transaction().execute(async (trx) => {
      await begin(trx);
      return work(trx);
    });
  let version = await step(async (trx) => {
    await trx.schema
      .createTable("meta")
      .ifNotExists()
      .addColumn("key", "text", (c) => c.primaryKey())
      .addColumn("value", "text", (c) => c.notNull())
      .execute();
    return schemaVersion(trx);
  });
  if (version > migrations.length) {
    throw new AgentError(
      AgentCode.SchemaNewer,
      `database: expected schema version ${migrations.length} or lower, found ${version}`,
    );
  }
  while (version < migrations.length) {
    version = await step(async (trx) => {
      // Another agent that starts now may have taken this step.
      const found = await schemaVersion(trx);
      if (found >= migrations.length) return found;
      await migrations[found]!(trx, types);
      await new SqlTx(trx).putMeta("schemaVersion", String(found + 1));
      return found + 1;
    });
  }
}

async function schemaVersion(trx: Transaction<Tables>): Promise<number> {
  return Number((await new SqlTx(trx).meta("schemaVersion")) ?? 0);
}

class SqlStore implements Store {
  readonly #db: Kysely<Tables>;
  readonly #listeners = new Set<(events: EventRecord[]) => void>();
  /** Transactions one after another: a record that was read cannot change before it is written. */
  #last: Promise<unknown> = Promise.resolve();

  readonly #kind: DatabaseKind;

  constructor(db: Kysely<Tables>, kind: DatabaseKind) {
    this.#db = db;
    this.#kind = kind;
  }

  tx<T>(fn: (tx: Tx) => Promise<T>): Promise<T> {
    const run = this.#last.then(async () => {
      let appended: EventRecord[] = [];
      const work = this.#db.transaction().execute(async (trx) => {
        await this.#kind.begin(trx);
        const tx = new SqlTx(trx);
        const value = await fn(tx);
        appended = tx.appended;
        return value;
      });
      const result = await work.catch((error) => {
        throw this.#kind.explain(error);
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
