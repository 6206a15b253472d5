/** SQLite through better-sqlite3: the only file that knows the driver or speaks SQLite's own SQL. */
import Database from "better-sqlite3";
import { SqliteDialect, sql } from "kysely";
import type { DatabaseKind } from "./database.ts";
import { openSqlStore } from "./sqlStore.ts";
import type { Store } from "./store.ts";

export interface SqliteOptions {
  /** file path, or ":memory:" */
  path: string;
  /** "full" (default): a committed transaction survives the host's power cut too. The send counters of sessions are
   *  reserved in the database; a lost reservation would use a key stream twice.
   *  "normal": a committed transaction survives the end of the process only. For tests and rehearsals. */
  durability?: "full" | "normal";
}

/** Opens or creates the database and brings its schema forward.
 *  @throws AgentError SchemaNewer when a newer agent has written it */
export async function openSqliteStore(options: SqliteOptions): Promise<Store> {
  return openSqlStore(sqliteDatabase(options));
}

/** Opens or creates the file. */
export function sqliteDatabase(options: SqliteOptions): DatabaseKind {
  const database = new Database(options.path);
  // Readers (a backup, a person with sqlite3) never stop the agent, nor it them.
  database.pragma("journal_mode = WAL");
  database.pragma(`synchronous = ${options.durability === "normal" ? "NORMAL" : "FULL"}`);
  database.pragma("busy_timeout = 5000");
  database.pragma("foreign_keys = ON");
  return {
    place: options.path,
    isShared: false,
    dialect: new SqliteDialect({ database }),
    types: {
      bytes: "blob",
      text: "text",
      integer: "integer",
      countingKey: "integer primary key autoincrement",
    },
    begin: async () => undefined,
    explain: (error) => error,
    async readCounter(db, table) {
      const query = sql<{ seq: number }>`select seq from sqlite_sequence where name = ${table}`;
      return Number((await query.execute(db)).rows[0]?.seq ?? 0);
    },
    async writeCounter(db, table, last) {
      await sql`delete from sqlite_sequence where name = ${table}`.execute(db);
      await sql`insert into sqlite_sequence (name, seq) values (${table}, ${last})`.execute(db);
    },
  };
}

/** Copies a database that may be in use into a new file, as it is at one moment.
 *  @throws when the file cannot be written */
export async function backupSqlite(path: string, to: string): Promise<void> {
  const database = new Database(path, { readonly: true, fileMustExist: true });
  try {
    await database.backup(to);
  } finally {
    database.close();
  }
}
