import type { NorFlash } from "../flash/norFlash.ts";
import { type FileHeader, fileBytes, fileHeaderBytes, fileHeaders } from "./bootCheck.ts";

/** A file of Storage by its place in flash. */
export interface StoredFile {
  name: string;
  /** absolute address of the contents */
  addr: number;
  bytes: number;
  flags: number;
}

const nameBytes = 28;

interface Found {
  stamp: number;
  files: (StoredFile & { isFirstByteSet: boolean })[];
}
const found = new WeakMap<NorFlash, Found>();

/** Finds a file by its full name, as the interpreter does: first match in order of flash. */
export function findFile(flash: NorFlash, name: string): StoredFile | undefined {
  let known = found.get(flash);
  if (known?.stamp !== flash.stamp || flash.isUnstable) {
    const headers = [...fileHeaders(flash)];
    const files = headers.map((h) => ({ ...describe(h), isFirstByteSet: h.raw[4] !== 0 }));
    known = { stamp: flash.stamp, files };
    found.set(flash, known);
  }
  const wanted = name.slice(0, nameBytes);
  return known.files.find((file) => file.name === wanted && file.isFirstByteSet);
}

/** Live files in order of flash. */
export function listFiles(flash: NorFlash): StoredFile[] {
  const files: StoredFile[] = [];
  for (const header of fileHeaders(flash)) {
    const file = describe(header);
    const isDeleted = header.raw.subarray(4, 8).every((byte) => byte === 0);
    if (!isDeleted && [0, 64, 128].includes(file.flags)) files.push(file);
  }
  return files;
}

/** Reads a part of a file.
 *  @param length bytes wanted; 0 or less = to the end; clipped to the file
 *  @returns undefined when there is no such file */
export function readFile(
  flash: NorFlash,
  name: string,
  offset = 0,
  length = 0,
): Uint8Array | undefined {
  const file = findFile(flash, name);
  if (!file) return undefined;
  const from = Math.min(Math.max(0, offset), file.bytes);
  const wanted = length <= 0 ? file.bytes : length;
  return flash.read(file.addr + from, Math.min(wanted, file.bytes - from));
}

/** Bytes behind the last file. */
export function freeBytes(flash: NorFlash): number {
  let end = flash.rules.storageStart;
  for (const header of fileHeaders(flash)) {
    end = header.addr + fileHeaderBytes + Math.ceil(fileBytes(header) / 4) * 4;
  }
  return flash.rules.start + flash.totalBytes - end;
}

function describe(header: FileHeader): StoredFile {
  const raw = header.raw.subarray(4, fileHeaderBytes);
  const end = raw.indexOf(0);
  return {
    name: String.fromCharCode(...raw.subarray(0, end < 0 ? nameBytes : end)),
    addr: header.addr + fileHeaderBytes,
    bytes: fileBytes(header),
    flags: header.sizeWord >>> 24,
  };
}
