/** One signer at a time: a lock file that names its holder. */
import { readFileSync, unlinkSync } from "node:fs";
import { hostname } from "node:os";
import { createFile } from "./durable.ts";
import { ToolError } from "./errors.ts";

interface Holder {
  pid: number;
  host: string;
}

/** Takes the lock, runs, gives it back. A lock whose process died on this machine is taken over.
 *  @throws ToolError LEDGER_LOCKED while another signer works */
export function withLock<T>(path: string, run: () => T): T {
  take(path, true);
  try {
    return run();
  } finally {
    unlinkSync(path);
  }
}

function take(path: string, mayTakeOver: boolean): void {
  const holder: Holder = { pid: process.pid, host: hostname() };
  try {
    createFile(path, JSON.stringify(holder));
    return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const found = readHolder(path);
  if (found !== null && mayTakeOver && hasDied(found)) {
    unlinkSync(path);
    take(path, false);
    return;
  }
  throw new ToolError("LEDGER_LOCKED", {
    object: path,
    expected: "no other signer",
    found: found === null ? "a lock without holder" : `process ${found.pid} on ${found.host}`,
    next: "Wait for it to end; delete the file only when you are sure that it has.",
  });
}

function readHolder(path: string): Holder | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Holder;
  } catch {
    return null;
  }
}

function hasDied(holder: Holder): boolean {
  if (holder.host !== hostname()) return false;
  try {
    process.kill(holder.pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
