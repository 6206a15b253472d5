import { accessSync, constants, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { withoutPassword } from "../../../cloud-agent/core/address.ts";
import { type AgentConfig, configFromEnv } from "../../../cloud-agent/platform/config.ts";
import { copyData } from "../../../cloud-agent/storage/copy.ts";
import type { DatabaseKind } from "../../../cloud-agent/storage/database.ts";
import { openPostgresStore, postgresDatabase } from "../../../cloud-agent/storage/postgres.ts";
import { sqliteDatabase } from "../../../cloud-agent/storage/sqlite.ts";
import { ToolError } from "../keys/errors.ts";
import { backup, type Place, restore } from "./backup.ts";
import { writeMosquitto } from "./mosquitto.ts";

const checkExample = `
Reads the settings as npm start does: from the environment, over the file that FLEETLING_CONFIG names. Starts nothing.

Example:
  $ FLEETLING_DATA=/var/lib/fleetling DATABASE_URL=postgres://agent:…@db/fleet fleetling agent check-config
`;
const backupExample = `
The agent may run. The database becomes one SQLite file, also where it is a PostgreSQL.

Examples:
  $ fleetling agent backup --data /var/lib/fleetling --out /backup/2026-11-28
  $ DATABASE_URL=postgres://agent:…@db/fleet fleetling agent backup --out /backup/2026-11-28 --with-keys
  Without --with-keys the master keys are not in it: keep them apart (fleetling km backup).
`;
const restoreExample = `
The agent must not run. Its next start ends all sessions and holds all leases: read the page on restoring in RUNBOOK.md.

Example:
  $ fleetling agent restore /backup/2026-11-28 --data /var/lib/fleetling
`;
const migrateExample = `
The agent must not run. Everything is copied in one transaction; the old database is marked, so that no agent starts on it
again, and stays otherwise as it was. All devices shake hands again.

Examples:
  $ fleetling agent migrate-store --from /var/lib/fleetling/fleet.db --to postgres://agent:…@db/fleet
  $ fleetling agent migrate-store --from postgres://agent:…@db/fleet --to ./data/fleet.db
`;

const mosquittoExample = `
Examples:
  $ fleetling agent mosquitto --out /etc/mosquitto/fleetling --gateway hall-1 hall-2
  $ mosquitto -c /etc/mosquitto/fleetling/mosquitto.conf
  $ MQTT_URL=mqtt://agent:SECRET@127.0.0.1:1884 npm start
`;

interface MosquittoFlags {
  gateway: string[];
  devicePort: string;
  agentPort: string;
}

interface Flags {
  data?: string;
  out: string;
  from: string;
  to: string;
  withKeys?: boolean;
  json?: boolean;
}

/** Adds `fleetling agent …`: the service's own upkeep. */
export function register(program: Command): void {
  const agent = program
    .command("agent")
    .description("Check, back up, restore and move the agent itself");
  agent
    .command("check-config")
    .description("Check the agent's settings, its folder and its database, without starting it")
    .option("--json", "print the settings as JSON")
    .addHelpText("after", checkExample)
    .action(checkConfig);
  agent
    .command("mosquitto")
    .description("Write the files by which a Mosquitto confines devices, gateways and agents")
    .requiredOption("--out <dir>", "folder for the files; Mosquitto has to be able to read it")
    .option("--gateway <ids...>", "gateways that may connect", [])
    .option("--device-port <port>", "where devices connect", "1883")
    .option("--agent-port <port>", "where agents and gateways connect", "1884")
    .option("--json", "print the result as JSON")
    .addHelpText("after", mosquittoExample)
    .action((flags: Flags & MosquittoFlags) => {
      const { out: dir, gateway: gateways } = flags;
      const [devicePort, agentPort] = [port(flags.devicePort), port(flags.agentPort)];
      const users = Object.keys(writeMosquitto({ dir, gateways, devicePort, agentPort }));
      print(flags, { dir, users }, [
        `made ${join(dir, "mosquitto.conf")} for ${users.join(", ")}`,
        `their passwords are in ${join(dir, "secrets.json")}; take them from there and delete it`,
      ]);
    });
  agent
    .command("backup")
    .description("Write a backup of an agent that may run")
    .option("--data <dir>", "the agent's data folder; default FLEETLING_DATA")
    .requiredOption("--out <dir>", "a new folder")
    .option("--with-keys", "also the master keys and the certificate key")
    .option("--json", "print the result as JSON")
    .addHelpText("after", backupExample)
    .action(async (flags: Flags) => {
      const options = { withKeys: flags.withKeys ?? false, nowMs: Date.now() };
      const made = await backup(placeOf(flags), flags.out, options, progress());
      const names = Object.keys(made.files).join(", ");
      print(flags, made, [`made ${made.dir}: ${names}`]);
    });
  agent
    .command("restore")
    .description("Put a backup in place of an agent that does not run")
    .argument("<backup>", "folder of the backup")
    .option("--data <dir>", "the agent's data folder; default FLEETLING_DATA")
    .option("--json", "print the result as JSON")
    .addHelpText("after", restoreExample)
    .action(async (dir: string, flags: Flags) => {
      const done = await restore(placeOf(flags), dir, Date.now(), progress());
      print(flags, done, [
        `restored the state of ${done.madeAt}`,
        "Every desk has to run fleetling keys lease --leaves 0 before leaves are leased again.",
      ]);
    });
  agent
    .command("migrate-store")
    .description("Move the agent's data to another database")
    .requiredOption("--from <database>", "file of SQLite, or postgres://…")
    .requiredOption("--to <database>", "a new file, or an empty postgres://…")
    .option("--json", "print the result as JSON")
    .addHelpText("after", migrateExample)
    .action(async (flags: Flags) => {
      const from = databaseOf("--from", flags.from, true);
      const to = databaseOf("--to", flags.to, false);
      const rows = await copyData("move", from, to, Date.now(), progress());
      const lines = Object.entries(rows).map(([table, count]) => `${table.padEnd(14)}${count}`);
      const next = /^postgres/.test(flags.to)
        ? "Set DATABASE_URL and start the agent; its data folder stays where it is, with the keys."
        : "Start the agent without DATABASE_URL.";
      print(flags, { from: from.place, to: to.place, rows }, [...lines, next]);
    });
}

function port(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0 && number < 65_536) return number;
  throw new ToolError("BROKER_FILES", {
    object: "port",
    expected: "1 to 65535",
    found: text,
    next: "See --help; nothing was written.",
  });
}

function placeOf(flags: Flags): Place {
  const { data, databaseUrl } = configFromEnv(process.env);
  return { data: flags.data ?? data, databaseUrl };
}

function databaseOf(flag: string, place: string, hasToExist: boolean): DatabaseKind {
  if (/^postgres(ql)?:\/\//.test(place))
    return postgresDatabase({ url: place, onError: () => undefined });
  if (existsSync(place) !== hasToExist)
    throw new ToolError("STORE_INPUT", {
      object: `${flag} ${place}`,
      expected: hasToExist ? "a database file or postgres://…" : "no file yet, or postgres://…",
      found: hasToExist ? "no such file" : "a file",
      next: "Check the path; nothing was changed.",
    });
  return sqliteDatabase({ path: place });
}

const secrets: (keyof AgentConfig)[] = ["km", "adminToken"];

async function checkConfig(flags: Flags): Promise<void> {
  const config = configFromEnv(process.env);
  const shown: Record<string, unknown> = { ...config };
  for (const name of secrets) if (config[name] !== undefined) shown[name] = "(set)";
  const { databaseUrl } = config;
  if (databaseUrl !== undefined) shown.databaseUrl = withoutPassword(databaseUrl);
  if (config.mqttUrl !== undefined) shown.mqttUrl = withoutPassword(config.mqttUrl);
  mkdirSync(config.data, { recursive: true, mode: 0o700 });
  accessSync(config.data, constants.R_OK | constants.W_OK);
  if (databaseUrl !== undefined) {
    const store = await openPostgresStore({ url: databaseUrl, onError: () => undefined });
    await store.close();
  }
  const database = databaseUrl === undefined ? join(config.data, "fleet.db") : shown.databaseUrl;
  const lines = Object.entries(shown).map(([name, value]) => `${name.padEnd(18)}${words(value)}`);
  print(flags, shown, [...lines, "", `The settings are right; the agent will use ${database}.`]);
}

function words(value: unknown): string {
  return value === undefined ? "none" : Array.isArray(value) ? value.join(",") : String(value);
}

/** Says on a terminal how far it is; the sum is told at the end anyhow. */
function progress(): ((table: string, rows: number) => void) | undefined {
  if (!process.stderr.isTTY) return undefined;
  return (table, rows) => process.stderr.write(`\r\u001b[K${table}: ${rows} rows\r`);
}

function print(flags: Flags, value: unknown, lines: string[]): void {
  process.stdout.write(flags.json ? `${JSON.stringify(value)}\n` : `${lines.join("\n")}\n`);
}
