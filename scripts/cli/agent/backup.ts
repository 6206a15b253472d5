/** Backups of an agent: its database as one SQLite file, whichever database it lives on, with digests. */
import { createHash } from "node:crypto";
import {
  copyFileSync,
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { AgentConfig } from "../../../cloud-agent/platform/config.ts";
import { copyData } from "../../../cloud-agent/storage/copy.ts";
import { postgresDatabase } from "../../../cloud-agent/storage/postgres.ts";
import { backupSqlite, sqliteDatabase } from "../../../cloud-agent/storage/sqlite.ts";
import { ToolError } from "../keys/errors.ts";

/** Where the agent keeps its data. */
export type Place = Pick<AgentConfig, "data" | "databaseUrl">;

export interface BackupReport {
  dir: string;
  /** ISO 8601 */
  madeAt: string;
  /** hex SHA-256 by file name */
  files: Record<string, string>;
}

const reportName = "backup.json";
const databaseName = "fleet.db";
/** The fleet's secrets: with the database they are the fleet. */
const isKey = (name: string) => /^(km(-\d+)?|certificate)\.key$/.test(name);
const isPublic = (name: string) => /^release-keys(\.json|\.cbor)?$/.test(name);

/** Writes a backup into a new folder while the agent runs or not.
 *  @param withKeys also the key files, which whoever has the backup can then use
 *  @throws ToolError BACKUP_EXISTS, BACKUP_SOURCE */
export async function backup(
  place: Place,
  dir: string,
  options: { withKeys: boolean; nowMs: number },
  told?: (table: string, rows: number) => void,
): Promise<BackupReport> {
  if (existsSync(dir)) throw exists(dir, "no folder", "one");
  const draft = `${dir}.part`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true, mode: 0o700 });
  const to = join(draft, databaseName);
  if (place.databaseUrl === undefined) {
    const path = join(place.data, databaseName);
    if (!existsSync(path)) throw noData(path);
    await backupSqlite(path, to);
  } else {
    const from = postgresDatabase({ url: place.databaseUrl, onError: () => undefined });
    await copyData("backup", from, sqliteDatabase({ path: to }), options.nowMs, told);
  }
  const wanted = (name: string) => isPublic(name) || (options.withKeys && isKey(name));
  const names = existsSync(place.data) ? readdirSync(place.data, { withFileTypes: true }) : [];
  for (const entry of names)
    if (entry.isFile() && wanted(entry.name))
      copyFileSync(join(place.data, entry.name), join(draft, entry.name));
  const files: Record<string, string> = {};
  for (const name of readdirSync(draft).sort()) files[name] = await digest(join(draft, name));
  const madeAt = new Date(options.nowMs).toISOString();
  writeFileSync(join(draft, reportName), `${JSON.stringify({ madeAt, files }, null, 2)}\n`);
  // A folder with this name is a whole backup.
  renameSync(draft, dir);
  return { dir, madeAt, files };
}

/** Puts a backup in place of an agent that does not run. The next start, or this call where the database is PostgreSQL,
 *  raises the reservations.
 *  @throws ToolError BACKUP_DAMAGED, BACKUP_EXISTS; AgentError StoreNotEmpty */
export async function restore(
  place: Place,
  dir: string,
  nowMs: number,
  told?: (table: string, rows: number) => void,
): Promise<BackupReport> {
  const report = await readBackup(dir);
  mkdirSync(place.data, { recursive: true, mode: 0o700 });
  const files = Object.keys(report.files).filter((name) => name !== databaseName);
  const target = join(place.data, databaseName);
  const taken = place.databaseUrl === undefined && existsSync(target) ? [databaseName] : [];
  taken.push(...files.filter((name) => differs(join(place.data, name), join(dir, name))));
  if (taken.length > 0)
    throw exists(place.data, `no ${databaseName} and no other key files`, taken.join(", "));
  if (place.databaseUrl === undefined) {
    copyFileSync(join(dir, databaseName), `${target}.part`);
    // Before the database: an agent that starts in between must know.
    writeFileSync(join(place.data, "restored"), "");
    renameSync(`${target}.part`, target);
  } else {
    const to = postgresDatabase({ url: place.databaseUrl, onError: () => undefined });
    const copy = join(place.data, `${databaseName}.part`);
    // A copy, because reading brings its schema forward.
    copyFileSync(join(dir, databaseName), copy);
    try {
      await copyData("restore", sqliteDatabase({ path: copy }), to, nowMs, told);
    } finally {
      for (const end of ["", "-wal", "-shm"]) rmSync(`${copy}${end}`, { force: true });
    }
  }
  for (const name of files) copyFileSync(join(dir, name), join(place.data, name));
  return { dir, ...report };
}

async function readBackup(dir: string): Promise<Omit<BackupReport, "dir">> {
  const damaged = (object: string, found: string, cause?: unknown) =>
    new ToolError("BACKUP_DAMAGED", {
      object,
      expected: "a backup as fleetling agent backup wrote it",
      found,
      next: "Take another backup; nothing was changed.",
      cause,
    });
  let report: Omit<BackupReport, "dir">;
  try {
    report = JSON.parse(readFileSync(join(dir, reportName), "utf8"));
  } catch (cause) {
    throw damaged(join(dir, reportName), (cause as Error).message, cause);
  }
  if (typeof report?.files !== "object" || !report.files?.[databaseName])
    throw damaged(join(dir, reportName), `no digest of ${databaseName}`);
  for (const [name, wanted] of Object.entries(report.files)) {
    if (name !== databaseName && !isKey(name) && !isPublic(name))
      throw damaged(join(dir, reportName), `the file name ${JSON.stringify(name)}`);
    const path = join(dir, name);
    if (!existsSync(path)) throw damaged(path, "no such file");
    const found = await digest(path);
    if (found !== wanted) throw damaged(path, `digest ${found.slice(0, 16)}, not its own`);
  }
  return report;
}

function differs(path: string, other: string): boolean {
  return existsSync(path) && !readFileSync(path).equals(readFileSync(other));
}

async function digest(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

function noData(path: string): ToolError {
  return new ToolError("BACKUP_SOURCE", {
    object: path,
    expected: "the agent's database",
    found: "no such file",
    next: "Name the agent's data folder with --data, or its database in DATABASE_URL.",
  });
}

function exists(object: string, expected: string, found: string): ToolError {
  return new ToolError("BACKUP_EXISTS", {
    object,
    expected,
    found,
    next: "Take another folder, or move away what is there; nothing was changed.",
  });
}
