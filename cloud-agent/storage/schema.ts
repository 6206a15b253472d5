/** Tables and migrations, written through the query builder so that another SQL dialect needs only other column types.
 *  A record is one JSON document; columns beside it exist because a query filters or orders by them. */

import type { Generated } from "kysely";
import { type Kysely, sql } from "kysely";
import { Lifecycle } from "../../firmware/protocol/messages.ts";
import type { DeviceRecord } from "../core/records.ts";

export interface Tables {
  meta: { key: string; value: string };
  devices: {
    serial: string;
    lifecycle: number;
    running_sequence: number;
    board: string;
    /** "online", "offline", or "" for one that is not watched */
    presence: Generated<string>;
    /** when its silence is judged (listening clock); null for never */
    judge_at_ms: Generated<number | null>;
    model: Generated<string>;
    batch: Generated<string>;
    site: Generated<string | null>;
    group_name: Generated<string | null>;
    account: Generated<string | null>;
    document: string;
  };
  sessions: { serial: string; sid: string; saved: number; document: string };
  events: {
    id: Generated<number>;
    at_ms: number;
    kind: string;
    serial: string | null;
    rollout_id: string | null;
    sequence: number | null;
    code: number | null;
    text: string;
    data: string;
  };
  releases: { sequence: number; document: string };
  blobs: { kind: number; sequence: number; class_id: string; bytes: Uint8Array };
  rollouts: { id: string; status: string; document: string };
  vitals: {
    id: Generated<number>;
    serial: string;
    at_ms: number;
    sequence: number;
    document: string;
  };
  vitals_spans: {
    serial: string;
    kind: string;
    from_ms: number;
    sequence: number;
    document: string;
  };
  certificates: { index: number; serial: string; previous: string; json: string };
  tokens: { id: string; hash: string; document: string };
  documents: {
    kind: string;
    id: string;
    ref: string | null;
    due_ms: number | null;
    document: string;
  };
}

/** What differs between dialects. */
export interface ColumnTypes {
  /** SQL type of a byte string */
  bytes: string;
  /** SQL type of a text that sorts by its bytes, as serials and ids do */
  text: string;
  /** SQL type of a whole number up to 2^53 */
  integer: string;
  /** SQL type and constraint of a primary key that counts up and never gives a number twice */
  countingKey: string;
}

type Migration = (db: Kysely<Tables>, types: ColumnTypes) => Promise<void>;

/** Applied in order, never edited once released: version n is the first n of these. */
export const migrations: Migration[] = [
  ...[createTables, createDocuments, watchPresence, rollUpVitals],
  ...[findByLabels],
];

async function createTables(db: Kysely<Tables>, types: ColumnTypes): Promise<void> {
  const text = sql.raw(types.text);
  const integer = sql.raw(types.integer);
  const countingKey = sql.raw(types.countingKey);
  const table = (name: keyof Tables) => db.schema.createTable(name);
  await table("devices")
    .addColumn("serial", text, (c) => c.primaryKey())
    .addColumn("lifecycle", integer, (c) => c.notNull())
    .addColumn("running_sequence", integer, (c) => c.notNull())
    .addColumn("board", text, (c) => c.notNull())
    .addColumn("document", text, (c) => c.notNull())
    .execute();
  await table("sessions")
    .addColumn("serial", text, (c) => c.primaryKey())
    .addColumn("sid", text, (c) => c.notNull())
    .addColumn("saved", integer, (c) => c.notNull())
    .addColumn("document", text, (c) => c.notNull())
    .execute();
  await db.schema
    .createTable("events")
    .addColumn("id", sql`${countingKey}`)
    .addColumn("at_ms", integer, (c) => c.notNull())
    .addColumn("kind", text, (c) => c.notNull())
    .addColumn("serial", text)
    .addColumn("rollout_id", text)
    .addColumn("sequence", integer)
    .addColumn("code", integer)
    .addColumn("text", text, (c) => c.notNull())
    .addColumn("data", text, (c) => c.notNull())
    .execute();
  await table("releases")
    .addColumn("sequence", integer, (c) => c.primaryKey())
    .addColumn("document", text, (c) => c.notNull())
    .execute();
  await table("blobs")
    .addColumn("kind", integer, (c) => c.notNull())
    .addColumn("sequence", integer, (c) => c.notNull())
    .addColumn("class_id", text, (c) => c.notNull())
    .addColumn("bytes", sql.raw(types.bytes), (c) => c.notNull())
    .addPrimaryKeyConstraint("blobs_key", ["kind", "sequence", "class_id"])
    .execute();
  await table("rollouts")
    .addColumn("id", text, (c) => c.primaryKey())
    .addColumn("status", text, (c) => c.notNull())
    .addColumn("document", text, (c) => c.notNull())
    .execute();
  await db.schema
    .createTable("vitals")
    .addColumn("id", sql`${countingKey}`)
    .addColumn("serial", text, (c) => c.notNull())
    .addColumn("at_ms", integer, (c) => c.notNull())
    .addColumn("sequence", integer, (c) => c.notNull())
    .addColumn("document", text, (c) => c.notNull())
    .execute();
  await table("certificates")
    .addColumn("index", integer, (c) => c.primaryKey())
    .addColumn("serial", text, (c) => c.notNull())
    .addColumn("previous", text, (c) => c.notNull().unique())
    .addColumn("json", text, (c) => c.notNull())
    .execute();
  await table("tokens")
    .addColumn("id", text, (c) => c.primaryKey())
    .addColumn("hash", text, (c) => c.notNull().unique())
    .addColumn("document", text, (c) => c.notNull())
    .execute();
  await createIndexes(db);
}

async function createIndexes(db: Kysely<Tables>): Promise<void> {
  const wanted: [keyof Tables, string[]][] = [
    ["devices", ["lifecycle", "serial"]],
    ["sessions", ["sid"]],
    ["events", ["serial", "id"]],
    ["events", ["rollout_id", "id"]],
    ["events", ["kind", "serial", "at_ms"]],
    ["rollouts", ["status"]],
    ["vitals", ["serial", "at_ms"]],
    ["certificates", ["serial"]],
  ];
  for (const [table, columns] of wanted) {
    await db.schema
      .createIndex(`${table}_by_${columns.join("_")}`)
      .on(table)
      .columns(columns)
      .execute();
  }
}

/** Documents by kind (core/documents.ts). */
async function createDocuments(db: Kysely<Tables>, types: ColumnTypes): Promise<void> {
  const text = sql.raw(types.text);
  await db.schema
    .createTable("documents")
    .addColumn("kind", text, (c) => c.notNull())
    .addColumn("id", text, (c) => c.notNull())
    .addColumn("ref", text)
    .addColumn("due_ms", sql.raw(types.integer))
    .addColumn("document", text, (c) => c.notNull())
    .addPrimaryKeyConstraint("documents_key", ["kind", "id"])
    .execute();
  for (const column of ["ref", "due_ms"]) {
    await db.schema
      .createIndex(`documents_by_kind_${column}`)
      .on("documents")
      .columns(["kind", column, "id"])
      .execute();
  }
}

/** Columns by which silent devices are found. Those in service are due at once: nobody knows yet when they came. */
async function watchPresence(db: Kysely<Tables>, types: ColumnTypes): Promise<void> {
  const text = sql.raw(types.text);
  const inService = [Lifecycle.Operating, Lifecycle.Maintenance];
  await db.schema
    .alterTable("devices")
    .addColumn("presence", text, (c) => c.notNull().defaultTo(""))
    .execute();
  await db.schema.alterTable("devices").addColumn("judge_at_ms", sql.raw(types.integer)).execute();
  await db
    .updateTable("devices")
    .set({ presence: "online", judge_at_ms: 0 })
    .where("lifecycle", "in", inService)
    .execute();
  for (const columns of [["judge_at_ms"], ["presence", "serial"]]) {
    await db.schema
      .createIndex(`devices_by_${columns.join("_")}`)
      .on("devices")
      .columns(columns)
      .execute();
  }
}

/** Vitals by hour and day, and the indexes by which old rows and young events are found. */
async function rollUpVitals(db: Kysely<Tables>, types: ColumnTypes): Promise<void> {
  const text = sql.raw(types.text);
  const integer = sql.raw(types.integer);
  await db.schema
    .createTable("vitals_spans")
    .addColumn("serial", text, (c) => c.notNull())
    .addColumn("kind", text, (c) => c.notNull())
    .addColumn("from_ms", integer, (c) => c.notNull())
    .addColumn("sequence", integer, (c) => c.notNull())
    .addColumn("document", text, (c) => c.notNull())
    .addPrimaryKeyConstraint("vitals_spans_key", ["serial", "kind", "from_ms", "sequence"])
    .execute();
  const wanted: [keyof Tables, string[]][] = [
    // None for the spans: SQLite would take one of kind and begin instead of the key, and read the whole fleet's hour.
    ["vitals", ["at_ms"]],
    ["events", ["kind", "id"]],
  ];
  for (const [table, columns] of wanted) {
    await db.schema
      .createIndex(`${table}_by_${columns.join("_")}`)
      .on(table)
      .columns(columns)
      .execute();
  }
}

/** Columns by which filters find devices; a device in the table is written once more from its document. */
async function findByLabels(db: Kysely<Tables>): Promise<void> {
  for (const column of ["model", "batch"] as const) {
    await db.schema
      .alterTable("devices")
      .addColumn(column, "text", (c) => c.notNull().defaultTo(""))
      .execute();
  }
  for (const column of ["site", "group_name", "account"] as const) {
    await db.schema.alterTable("devices").addColumn(column, "text").execute();
  }
  for (let after = ""; ; ) {
    const rows = await db
      .selectFrom("devices")
      .select(["serial", "document"])
      .where("serial", ">", after)
      .orderBy("serial")
      .limit(500)
      .execute();
    for (const { serial, document } of rows) {
      const { birth, site, group, account } = JSON.parse(document) as DeviceRecord;
      await db
        .updateTable("devices")
        .set({ model: birth.model, batch: birth.batch, site, group_name: group, account })
        .where("serial", "=", serial)
        .execute();
    }
    if (rows.length < 500) break;
    after = rows.at(-1)!.serial;
  }
  const names = ["model", "batch", "site", "group_name", "account", "board", "running_sequence"];
  for (const column of names) {
    await db.schema
      .createIndex(`devices_by_${column}`)
      .on("devices")
      .columns([column, "serial"])
      .execute();
  }
}
