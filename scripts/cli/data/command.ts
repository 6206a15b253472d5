/** The data of a customer: given out, taken in by another agent, erased. */
import { once } from "node:events";
import { createReadStream, createWriteStream, mkdirSync } from "node:fs";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import type { Command } from "commander";
import {
  ApiError,
  type ApiFlags,
  callApi,
  columns,
  path,
  readReply,
  show,
  withApiFlags,
} from "../api/client.ts";
import { serialsOf } from "../device/many.ts";

const tables = ["vitals", "hours", "days", "events"];

const exportExample = `
Examples:
  $ fleetling export --owner acme --out exports            # exports/acme.jsonl
  $ fleetling export --owner acme --out exports --csv      # and acme-vitals.csv, -hours, -days, -events
  $ fleetling export --owner acme --out - | gzip > acme.jsonl.gz

The file holds what is stored of each device since this owner claimed it, and no secret. It can be imported.
`;
const importExample = `
Examples:
  $ fleetling import exports/acme.jsonl --dry-run
  $ gunzip -c acme.jsonl.gz | fleetling import -
The same file again changes nothing. A device that lives here already is refused by name, the others go on; then the
command fails. What a file cannot bring (births, keys, orders) is told for each device.
`;
const eraseExample = `
Examples:
  $ fleetling erase --owner acme          # counts only
  $ fleetling erase --owner acme --yes
Devices in service are not erased: decommission them first. Birth records and wipe certificates stay as proof.
`;

/** Adds `fleetling export`, `import` and `erase`. */
export function register(program: Command): void {
  withApiFlags(program.command("export"))
    .description("All that is stored of an owner's devices, as JSON lines and CSV")
    .requiredOption("--owner <account>", "the account that claimed them")
    .requiredOption("--out <folder>", "folder, made where it is missing; - for standard output")
    .option("--csv", "the tables as CSV too")
    .addHelpText("after", exportExample)
    .action(async (flags: ApiFlags & { owner: string; out: string; csv?: boolean }) => {
      const { owner, out } = flags;
      const place = path`/v1/accounts/${owner}/export`;
      if (out === "-") return write(flags, place, process.stdout);
      mkdirSync(out, { recursive: true, mode: 0o700 });
      const name = owner.replace(/[^A-Za-z0-9._@-]/g, "_");
      const parts: [file: string, query: string][] = [[`${name}.jsonl`, ""]];
      for (const table of flags.csv ? tables : []) {
        parts.push([`${name}-${table}.csv`, `?format=csv&part=${table}`]);
      }
      for (const [file, query] of parts) {
        const target = createWriteStream(join(out, file), { mode: 0o600 });
        await write(flags, place + query, target);
        target.end();
        await finished(target);
      }
      const files = parts.map(([file]) => join(out, file));
      show(flags, { files }, files);
    });
  registerImport(program);
  registerErase(program);
}

interface Report {
  imported: number;
  unchanged: number;
  lines: number;
  refusedCount: number;
  refused: { serial: string; detail: string }[];
  told: { serial: string; what: string[] }[];
}

function registerImport(program: Command): void {
  withApiFlags(program.command("import"))
    .description("Take in what another agent exported")
    .argument("<file>", "JSON lines; - for standard input")
    .option("--dry-run", "check it, and write nothing")
    .addHelpText("after", importExample)
    .action(async (file: string, flags: ApiFlags & { dryRun?: boolean }) => {
      const source = file === "-" ? process.stdin : createReadStream(file);
      if (file !== "-") {
        await once(source, "open").catch((cause: Error) => {
          const text = `FILE_INVALID: ${file}: expected an export, got: ${cause.message}. See --help.`;
          throw new ApiError("FILE_INVALID", text, { cause });
        });
      }
      const place = `/v1/import?dryRun=${flags.dryRun === true}`;
      const report = await callApi<Report>(flags, "POST", place, source);
      const done = flags.dryRun ? "would be imported" : "imported";
      const lines = [
        `${report.imported} devices ${done} (${report.lines} lines), ${report.unchanged} unchanged, ${report.refusedCount} refused`,
        ...report.refused.map(({ detail }) => `refused: ${detail}`),
        ...report.told.flatMap(({ serial, what }) => what.map((text) => `${serial}: ${text}`)),
      ];
      show(flags, report, lines);
      if (report.refusedCount > 0) process.exitCode = 1;
    });
}

type Counts = Record<string, number>;

function registerErase(program: Command): void {
  withApiFlags(program.command("erase"))
    .description("Erase what is stored of an owner's devices that have left")
    .requiredOption("--owner <account>", "the account that claimed them")
    .option("--yes", "do it; without, only counts are shown. There is no way back")
    .addHelpText("after", eraseExample)
    .action(async (flags: ApiFlags & { owner: string; yes?: boolean }) => {
      const owner = JSON.stringify(flags.owner);
      const serials = await serialsOf(flags, `account = ${owner}`);
      const sum: Counts = {};
      const rows: [string, string][] = [];
      let devices = 0;
      for (const serial of serials) {
        try {
          const method = flags.yes ? "DELETE" : "GET";
          const counts = await callApi<Counts>(flags, method, path`/v1/devices/${serial}/data`);
          devices++;
          for (const [name, count] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + count;
        } catch (error) {
          if (!(error instanceof ApiError) || error.code !== "DeviceInService") throw error;
          rows.push([serial, "in service"]);
        }
      }
      const words = Object.entries(sum).map(([name, count]) => `${count} ${name}`);
      const done = flags.yes ? "erased" : "would be erased; add --yes";
      const what = words.length === 0 ? "nothing" : words.join(", ");
      const kept = rows.length === 0 ? [] : columns(["not erased", "why"], rows);
      const inService = rows.map(([serial]) => serial);
      show(flags, { devices, counts: sum, inService }, [
        `${devices} devices: ${what} ${done}`,
        ...kept,
      ]);
      if (rows.length > 0) process.exitCode = 1;
    });
}

async function write(flags: ApiFlags, place: string, target: NodeJS.WritableStream) {
  for await (const part of readReply(flags, place)) {
    if (!target.write(part)) await once(target, "drain");
  }
}
