/** One PostgreSQL for a whole test run, where it is installed: vitest starts it before the first file and ends it after
 *  the last. Tests get schemas of their own in it (postgres.ts). */
import { execFileSync, type SpawnOptions, spawn } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import pg from "pg";
import type { TestProject } from "vitest/node";
import { freePort } from "./freePort.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** null: not installed here */
    postgresUrl: string | null;
  }
}

const startLimitMs = 30_000;

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | void> {
  const bin = postgresBinaries();
  if (!bin) {
    process.stdout.write("PostgreSQL is not installed: the agent's tests run on SQLite only.\n");
    return project.provide("postgresUrl", null);
  }
  const dir = mkdtempSync(join(tmpdir(), "fleetling-postgres-"));
  // The server refuses to run as root.
  const user = process.getuid?.() === 0 ? ordinaryUser() : {};
  if (user.uid !== undefined) chownSync(dir, user.uid, user.gid!);
  const data = join(dir, "data");
  const options: SpawnOptions = { ...user, cwd: dir, stdio: ["ignore", "ignore", "pipe"] };
  const words = ["-D", data, "-U", "fleetling", "-A", "trust", "-E", "UTF8", "--no-sync"];
  execFileSync(join(bin, "initdb"), words, { ...options, stdio: "pipe" });
  const port = await freePort();
  const server = spawn(
    join(bin, "postgres"),
    // Tests end with their machine: nothing has to reach the disk.
    ["-D", data, "-h", "127.0.0.1", "-p", String(port), "-k", dir, "-c", "fsync=off"].concat([
      ...["-c", "synchronous_commit=off", "-c", "max_connections=60"],
    ]),
    options,
  );
  let told = "";
  server.stderr!.on("data", (bytes) => {
    told = (told + bytes).slice(-4000);
  });
  const url = `postgres://fleetling@127.0.0.1:${port}/postgres`;
  await answers(url, () => told);
  project.provide("postgresUrl", url);
  return async () => {
    const ended = new Promise((resolve) => server.once("exit", resolve));
    server.kill("SIGQUIT");
    await ended;
    rmSync(dir, { recursive: true, force: true });
  };
}

/** Folder of initdb and postgres; null when they are not installed. */
export function postgresBinaries(): string | null {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => +b - +a) : [];
  const folders = [
    ...versions.map((version) => join(debian, version, "bin")),
    ...(process.env.PATH ?? "").split(delimiter),
  ];
  return (
    folders.find((dir) => existsSync(join(dir, "initdb")) && existsSync(join(dir, "postgres"))) ??
    null
  );
}

function ordinaryUser(): { uid?: number; gid?: number } {
  const id = (flag: string) =>
    Number(execFileSync("id", [flag, "postgres"], { stdio: "pipe" }).toString());
  return { uid: id("-u"), gid: id("-g") };
}

async function answers(url: string, told: () => string): Promise<void> {
  const endMs = Date.now() + startLimitMs;
  for (;;) {
    const client = new pg.Client({ connectionString: url });
    try {
      await client.connect();
      return;
    } catch (cause) {
      if (Date.now() > endMs) throw new Error(`PostgreSQL did not start: ${told()}`, { cause });
      await new Promise((resolve) => setTimeout(resolve, 50));
    } finally {
      await client.end();
    }
  }
}
