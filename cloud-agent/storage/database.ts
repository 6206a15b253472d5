/** What differs between the databases the agent can live on. */
import type { Dialect, Kysely, Transaction } from "kysely";
import type { ColumnTypes, Tables } from "./schema.ts";

/** Tables whose key counts up and never gives a number twice. */
export const countingTables = ["events", "vitals"] as const;
export type CountingTable = (typeof countingTables)[number];

export interface DatabaseKind {
  /** for people: file, or address without its password */
  place: string;
  /** true: several processes may use it at once */
  isShared: boolean;
  dialect: Dialect;
  types: ColumnTypes;
  /** What a transaction does first: where others write too, it waits until they have finished. */
  begin(trx: Transaction<Tables>): Promise<void>;
  /** What of an error is the database's absence, as an AgentError; anything else comes back as it is. */
  explain(error: unknown): unknown;
  /** The highest number ever given. */
  readCounter(db: Kysely<Tables>, table: CountingTable): Promise<number>;
  /** Goes on from this number. */
  writeCounter(db: Kysely<Tables>, table: CountingTable, last: number): Promise<void>;
}
