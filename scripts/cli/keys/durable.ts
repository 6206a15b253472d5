/** Files that have to be on the disk when a function returns. */
import { closeSync, fsyncSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** Replaces a file as a whole: after a power cut it is the old or the new one. Mode 0600. */
export function replaceFile(path: string, data: string | Uint8Array): void {
  const temporary = `${path}.new`;
  writeAndSync(temporary, "w", data);
  renameSync(temporary, path);
  syncDirectory(dirname(path));
}

/** Makes a file that must not exist yet. Mode 0600. @throws the EEXIST error of node */
export function createFile(path: string, data: string | Uint8Array): void {
  writeAndSync(path, "wx", data);
  syncDirectory(dirname(path));
}

/** Appends and waits for the disk. */
export function appendFile(path: string, data: string): void {
  writeAndSync(path, "a", data);
}

function writeAndSync(path: string, flags: string, data: string | Uint8Array): void {
  const file = openSync(path, flags, 0o600);
  try {
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    let done = 0;
    while (done < bytes.length) done += writeSync(file, bytes, done);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Makes a new directory entry durable. Windows has no such call and needs none. */
export function syncDirectory(path: string): void {
  if (process.platform === "win32") return;
  const directory = openSync(path, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
