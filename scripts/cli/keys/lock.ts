/** One signer at a time: a lock of the operating system, which ends with its process however that ends. A lock file that
 *  names its holder would have to be taken over from the dead, and two could take it over at once. SQLite has the
 *  lock that Node has not; the file stays empty. The folder has to be on a local disk. */
import { closeSync, openSync } from "node:fs";
import Database from "better-sqlite3";
import { ToolError } from "./errors.ts";

/** Takes the lock, runs, gives it back.
 *  @throws ToolError LEDGER_LOCKED while another signer works */
export function withLock<T>(path: string, run: () => T): T {
  closeSync(openSync(path, "a", 0o600));
  const lock = new Database(path, { timeout: 0 });
  try {
    take(lock, path);
    return run();
  } finally {
    lock.close();
  }
}

function take(lock: Database.Database, path: string): void {
  try {
    lock.exec("BEGIN EXCLUSIVE");
  } catch (cause) {
    throw new ToolError("LEDGER_LOCKED", {
      object: path,
      expected: "no other signer in this folder",
      found: (cause as Error).message,
      next: "Wait for it to end; a signer that died holds nothing.",
      cause,
    });
  }
}
