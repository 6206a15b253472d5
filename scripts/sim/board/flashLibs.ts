import { latin1, viewBytes } from "./bytes.ts";
import type { Machine } from "./machine.ts";
import { findFile, freeBytes, listFiles, readFile } from "./storage.ts";

/** Storage functions that a device may not call after the factory: they move or erase files, not power safe. */
const banned = ["write", "writeJSON", "erase", "eraseAll", "open", "compact", "optimise"] as const;

/** require("Flash"): raw access to pages, drained from the battery. */
export function flashLib(machine: Machine): Record<string, unknown> {
  const { flash, battery, realm } = machine;
  const { start, pageBytes, writeUnitBytes } = flash.rules;
  const end = start + flash.totalBytes;
  return realm.object({
    read: machine.native((length: unknown, addr: unknown) =>
      Number(length) > 0 ? realm.bytes(flash.read(Number(addr), Number(length) | 0)) : undefined,
    ),
    write: machine.native((data: unknown, addr: unknown) => {
      if (data === undefined) throw machine.error("Data is not defined");
      const bytes = viewBytes(data, machine.error);
      battery.spend("flashUnit", Math.ceil(bytes.length / writeUnitBytes));
      flash.write(bytes, Number(addr));
    }),
    erasePage: machine.native((addr: unknown) => {
      if (!Number.isInteger(addr)) {
        throw machine.error(`Address should be an integer, got ${String(addr)}`);
      }
      battery.spend("flashErase");
      flash.erasePage(Number(addr));
    }),
    getPage: machine.native((addr: unknown) => {
      const at = Number(addr);
      if (!(at >= start && at < end)) return undefined;
      return realm.object({ addr: at - ((at - start) % pageBytes), length: pageBytes });
    }),
    // Elsewhere than in Storage: nothing there belongs to device code.
    getFree: machine.native(() => realm.array()),
  });
}

/** require("Storage"): reading only. */
export function storageLib(machine: Machine): Record<string, unknown> {
  const { flash, realm } = machine;
  const text = (name: unknown, offset?: unknown, length?: unknown) => {
    const data = readFile(flash, String(name), Number(offset) | 0, Number(length) | 0);
    return data && textOf(data);
  };
  const library = realm.object({
    read: machine.native(text),
    readArrayBuffer: machine.native((name: unknown) => {
      const data = readFile(flash, String(name));
      return data && realm.bytes(data).buffer;
    }),
    readJSON: machine.native((name: unknown, isQuiet: unknown) => {
      const json = text(name);
      if (json === undefined) return undefined;
      try {
        return (realm.global.JSON as JSON).parse(json);
      } catch (error) {
        if (isQuiet) return undefined;
        throw error;
      }
    }),
    list: machine.native((pattern: unknown) => {
      const names = listFiles(flash).map((file) => file.name);
      return realm.array(pattern ? names.filter((name) => name.match(pattern as RegExp)) : names);
    }),
    getFree: machine.native(() => freeBytes(flash)),
    hash: machine.native(() =>
      listFiles(flash).reduce((sum, file) => (Math.imul(sum, 31) + file.addr + file.bytes) | 0, 7),
    ),
    getStats: machine.native(() => {
      const files = listFiles(flash);
      const fileBytes = files.reduce((sum, file) => sum + file.bytes + 32, 0);
      return realm.object({
        totalBytes: flash.totalBytes,
        freeBytes: freeBytes(flash),
        fileBytes,
        fileCount: files.length,
        trashBytes: 0,
        trashCount: 0,
      });
    }),
  });
  for (const name of banned) {
    library[name] = machine.native(() => {
      throw machine.error(`Storage.${name} is banned after the factory`);
    });
  }
  return library;
}

/** Reads the text of a boot file. @returns undefined when there is none */
export function bootText(machine: Pick<Machine, "flash">, name: string): string | undefined {
  if (!findFile(machine.flash, name)) return undefined;
  return textOf(readFile(machine.flash, name)!);
}

/** Device code reads the same few texts again and again; the same string object is quick to look up and to compile. */
const texts = new Map<number, { data: Uint8Array; text: string }>();
const textsMax = 500;

function textOf(data: Uint8Array): string {
  const key = data.length * 256 + (data[data.length >> 1] ?? 0);
  const known = texts.get(key);
  if (known && Buffer.compare(known.data, data) === 0) return known.text;
  const text = latin1(data);
  if (texts.size >= textsMax) texts.clear();
  texts.set(key, { data: data.slice(), text });
  return text;
}
