/** The databases that the agent can live on, for tests that must hold on each. */
import { randomBytes } from "node:crypto";
import pg from "pg";
import { inject } from "vitest";
import { openPostgresStore } from "../../cloud-agent/storage/postgres.ts";
import { openSqliteStore } from "../../cloud-agent/storage/sqlite.ts";
import type { Store } from "../../cloud-agent/storage/store.ts";

const postgresUrl = inject("postgresUrl");

export const hasPostgres = postgresUrl !== null;
/** Said by a skipped test. */
export const needsPostgres = hasPostgres ? "" : " (skipped: PostgreSQL is not installed)";

/** An empty schema in the run's PostgreSQL. @returns URL of a database that has nothing but it */
export async function newPostgresUrl(): Promise<string> {
  const schema = `t_${randomBytes(6).toString("hex")}`;
  const client = new pg.Client({ connectionString: postgresUrl! });
  await client.connect();
  try {
    await client.query(`create schema ${schema}`);
  } finally {
    await client.end();
  }
  return `${postgresUrl}?options=-csearch_path%3D${schema}`;
}

export interface StoreKind {
  name: string;
  isHere: boolean;
  /** Opens a new one. */
  open(): Promise<Store>;
}

const onError = (error: Error) => {
  throw error;
};

export const storeKinds: StoreKind[] = [
  {
    name: "SQLite",
    isHere: true,
    open: () => openSqliteStore({ path: ":memory:", durability: "normal" }),
  },
  {
    name: `PostgreSQL${needsPostgres}`,
    isHere: hasPostgres,
    open: async () => openPostgresStore({ url: await newPostgresUrl(), onError }),
  },
];

/** Files that stand for a PostgreSQL of their own where the run is on PostgreSQL. */
const places = new Map<string, string>();

/** The setting by which an agent of this run finds its database; the same for the same path.
 *  `npm test` runs the agent's tests twice: on SQLite, and with STORE=postgres in a project of its own. */
export async function databaseAt(path: string): Promise<{ databaseUrl?: string }> {
  if (process.env.STORE !== "postgres") return {};
  if (!places.has(path)) places.set(path, await newPostgresUrl());
  return { databaseUrl: places.get(path)! };
}

/** Opens the database of this run. @param path omitted: a new and empty one */
export async function openTestStore(path?: string): Promise<Store> {
  const { databaseUrl: url } = await databaseAt(path ?? randomBytes(8).toString("hex"));
  if (url !== undefined) return openPostgresStore({ url, onError });
  return openSqliteStore({ path: path ?? ":memory:", durability: "normal" });
}
