/** Master keys KM of the agent: several may live at once, each under its id. Where they come from, in this order: the
 *  setting `km` (for the active id), the command `kmCommand`, files in the data folder. */
import { execFile } from "node:child_process";
import { createHmac } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { AgentCode, AgentError } from "../core/errors.ts";
import type { Random } from "../core/ports.ts";
import { writeSecret } from "./keys.ts";

const run = promisify(execFile);
/** A key service answers in well under a second; a start must not hang on one that does not. */
const commandMsMax = 10_000;
const commandBytesMax = 4096;

export interface MasterKeys {
  /** key that new births and key changes use */
  activeId: number;
  /** ids held here, rising */
  ids: number[];
  /** @returns 32 bytes, null when this agent does not hold the id */
  get(id: number): Uint8Array | null;
}

export interface MasterKeyOptions {
  dataDir: string;
  activeId: number;
  /** 64 hex digits: the active key */
  kmHex: string | undefined;
  /** ids besides the active one that `command` is asked for */
  otherIds: number[];
  /** program that prints a key: called with the id as its only argument */
  command: string | undefined;
  /** whether the database is empty; for an old one a missing key is refused, because a new one would lock devices out */
  dataIsNew: boolean;
}

/** File of a master key: `km.key` is number 1, `km-N.key` any other. */
export function masterKeyFile(dataDir: string, id: number): string {
  return join(dataDir, id === 1 ? "km.key" : `km-${id}.key`);
}

/** Reads all master keys; the very first start makes the active one.
 *  @throws AgentError KeyFileInvalid for a missing or malformed key, a command that fails or takes over 10 s */
export async function openMasterKeys(
  options: MasterKeyOptions,
  random: Random,
): Promise<MasterKeys> {
  const { dataDir, activeId, kmHex, command } = options;
  const keys = new Map<number, Uint8Array>();
  for (const id of filedIds(dataDir)) keys.set(id, fromFile(masterKeyFile(dataDir, id)));
  if (command !== undefined) {
    for (const id of new Set([activeId, ...options.otherIds])) {
      keys.set(id, await fromCommand(command, id));
    }
  }
  if (kmHex !== undefined) keys.set(activeId, fromHex(kmHex));
  if (!keys.has(activeId)) keys.set(activeId, makeFirst(options, random));
  const missing = options.otherIds.filter((id) => !keys.has(id));
  if (missing.length > 0) {
    throw invalid(`master keys ${missing.join(", ")}: expected as files in ${dataDir}, got none`);
  }
  const ids = [...keys.keys()].sort((a, b) => a - b);
  return { activeId, ids, get: (id) => keys.get(id) ?? null };
}

/** What tells a key from another without showing it: stored with the data and in each share of a backup. */
export function masterKeyCheck(key: Uint8Array): string {
  return createHmac("sha256", key).update("FL1-km-check").digest("hex").slice(0, 32);
}

/** 64 hex digits, alone in their file. @throws AgentError KeyFileInvalid */
export function parseMasterKey(text: string, place: string): Uint8Array {
  if (/^[0-9a-f]{64}$/i.test(text.trim())) return fromHex(text.trim());
  throw invalid(`${place}: expected 64 hex digits, got ${text.trim().length} characters`);
}

function makeFirst({ dataDir, activeId, dataIsNew }: MasterKeyOptions, random: Random): Uint8Array {
  const path = masterKeyFile(dataDir, activeId);
  if (!dataIsNew) throw invalid(`${path}: expected the fleet's master key, got no file`);
  const key = random.bytes(32);
  writeSecret(path, `${Buffer.from(key).toString("hex")}\n`);
  return key;
}

function filedIds(dataDir: string): number[] {
  if (!existsSync(dataDir)) return [];
  return readdirSync(dataDir).flatMap((name) => {
    const id = name === "km.key" ? 1 : Number(/^km-([1-9]\d{0,9})\.key$/.exec(name)?.[1]);
    return Number.isInteger(id) && id <= 0xffff_ffff ? [id] : [];
  });
}

function fromFile(path: string): Uint8Array {
  return parseMasterKey(readFileSync(path, "utf8"), path);
}

async function fromCommand(command: string, id: number): Promise<Uint8Array> {
  try {
    const { stdout } = await run(command, [String(id)], {
      timeout: commandMsMax,
      maxBuffer: commandBytesMax,
      windowsHide: true,
    });
    return parseMasterKey(stdout, `output of ${command} ${id}`);
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    // Not the error's own message: it may quote what the program printed, and that is a key.
    const { code, killed } = cause as { code?: string | number; killed?: boolean };
    const finding = killed ? `no end within ${commandMsMax / 1000} s` : `exit ${code ?? "unknown"}`;
    throw invalid(`${command} ${id}: expected a key on standard output, got ${finding}`);
  }
}

function invalid(text: string): AgentError {
  return new AgentError(AgentCode.KeyFileInvalid, text);
}

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}
