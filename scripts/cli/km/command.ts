import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import {
  masterKeyCheck,
  masterKeyFile,
  parseMasterKey,
} from "../../../cloud-agent/platform/masterKeys.ts";
import { createFile } from "../keys/durable.ts";
import { ToolError } from "../keys/errors.ts";
import { combineShares, makeShares, parseShare } from "./shares.ts";

const newExample = `
Example: the fleet moves from master key 1 to 2
  $ fleetling km new --id 2 --data /var/lib/fleetling
  Then set FLEETLING_KM_ID=2 and start the agent again. New births and every key change use key 2;
  key 1 stays for the devices that still follow from it.
`;

const backupExample = `
Example: five people, any three of whom can restore the key
  $ fleetling km backup --data /var/lib/fleetling --id 1 --shares 5 --threshold 3 --out shares
  Makes shares/km-1-share-1.json … 5.json. Give each to another person; print it, the text is short.
`;

const restoreExample = `
Example:
  $ fleetling km restore km-1-share-2.json km-1-share-3.json km-1-share-5.json --data /var/lib/fleetling
`;

interface Flags {
  data: string;
  id: string;
  shares?: string;
  threshold?: string;
  out?: string;
  json?: boolean;
}

/** Adds `fleetling km new`, `km backup` and `km restore`. */
export function register(program: Command): void {
  const km = program
    .command("km")
    .description("Make, back up and restore master keys of the agent, offline");
  const add = (name: string, description: string, example: string) =>
    km
      .command(name)
      .description(description)
      .option("--data <dir>", "the agent's data folder", "./data")
      .option("--json", "print the result as JSON")
      .addHelpText("after", example);
  add("new", "Make another master key in the data folder", newExample)
    .requiredOption("--id <n>", "number of the key, one that was never used")
    .action((flags: Flags) => {
      const id = wholeNumber("--id", flags.id, 0xffff_ffff);
      const key = new Uint8Array(randomBytes(32));
      const file = writeKey(flags.data, id, key);
      print(flags, { kmId: id, file, check: masterKeyCheck(key) }, [
        `made ${file}`,
        "Back it up (fleetling km backup) before the first device follows from it.",
      ]);
    });
  add("backup", "Split a master key into shares", backupExample)
    .option("--id <n>", "number of the key", "1")
    .option("--shares <n>", "shares to make, 2 to 20", "5")
    .option("--threshold <n>", "shares that restore the key", "3")
    .option("--out <dir>", "folder for the shares", "shares")
    .action(backup);
  add("restore", "Put a master key together from its shares", restoreExample)
    .argument("<files...>", "share files")
    .action(async (files: string[], flags: Flags) => {
      const shares = files.map((file) => parseShare(readText(file), file));
      const { kmId, key } = await combineShares(shares);
      const file = writeKey(flags.data, kmId, key);
      print(flags, { kmId, file, check: masterKeyCheck(key) }, [`restored ${file}`]);
    });
}

async function backup(flags: Flags): Promise<void> {
  const id = wholeNumber("--id", flags.id, 0xffff_ffff);
  const path = masterKeyFile(flags.data, id);
  const key = parseMasterKey(readText(path), path);
  const shares = await makeShares(key, id, {
    threshold: wholeNumber("--threshold", flags.threshold!, 255),
    of: wholeNumber("--shares", flags.shares!, 255),
  });
  mkdirSync(flags.out!, { recursive: true, mode: 0o700 });
  const files = shares.map((share) => {
    const file = join(flags.out!, `km-${id}-share-${share.index}.json`);
    create(file, `${JSON.stringify(share)}\n`);
    return file;
  });
  const { threshold } = shares[0]!;
  print(flags, { kmId: id, threshold, files, check: masterKeyCheck(key) }, [
    ...files.map((file) => `made ${file}`),
    `Any ${threshold} of them restore master key ${id}. Keep them apart, then delete them here.`,
  ]);
}

function writeKey(dataDir: string, id: number, key: Uint8Array): string {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const path = masterKeyFile(dataDir, id);
  create(path, `${Buffer.from(key).toString("hex")}\n`);
  return path;
}

/** Never replaces a file: the one that is there may be the only copy of a fleet's key. */
function create(path: string, text: string): void {
  if (existsSync(path)) {
    throw new ToolError("KM_EXISTS", {
      object: path,
      expected: "no file",
      found: "one",
      next: "Move it away if it is not needed any more.",
    });
  }
  createFile(path, text);
}

function readText(path: string): string {
  if (existsSync(path)) return readFileSync(path, "utf8");
  throw new ToolError("KM_MISSING", {
    object: path,
    expected: "a file",
    found: "none",
    next: "Check --data, --id and the names; see fleetling km --help.",
  });
}

function wholeNumber(name: string, text: string, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= most) return value;
  throw new ToolError("KM_INPUT", {
    object: name,
    expected: `a whole number from 1 to ${most}`,
    found: `"${text}"`,
    next: "See fleetling km --help.",
  });
}

function print(flags: Flags, result: object, lines: string[]): void {
  process.stdout.write(flags.json ? `${JSON.stringify(result)}\n` : `${lines.join("\n")}\n`);
}
