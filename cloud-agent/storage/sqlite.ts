/** SQLite through better-sqlite3: the only file that knows the driver or speaks SQLite's own SQL. */
import Database from "better-sqlite3";
import { SqliteDialect } from "kysely";
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
export function openSqliteStore(options: SqliteOptions): Promise<Store> {
  const database = new Database(options.path);
  // Readers (a backup, a person with sqlite3) never stop the agent, nor it them.
  database.pragma("journal_mode = WAL");
  database.pragma(`synchronous = ${options.durability === "normal" ? "NORMAL" : "FULL"}`);
  database.pragma("busy_timeout = 5000");
  database.pragma("foreign_keys = ON");
  return openSqlStore(new SqliteDialect({ database }), {
    bytes: "blob",
    integer: "integer",
    countingKey: "integer primary key autoincrement",
  });
}
