/** What people decided at a signing desk against the rule, kept beside the keys: one JSON line each, never rewritten. */
import { join } from "node:path";
import { appendFile } from "../keys/durable.ts";

export interface Decision {
  kind: "downgradeTicket" | "checkSkipped";
  sequence: number;
  person: string;
  reason: string;
  /** hex, of the images it is about */
  digests: string[];
  /** of a ticket: floor of the devices that may take it */
  floor?: number;
}

export const decisionsFile = "decisions.log";

/** Appends a decision and waits for the disk. The same one may stand there more than once. */
export function appendDecision(keysDir: string, decision: Decision, now = new Date()): void {
  const line = JSON.stringify({ at: now.toISOString(), ...decision });
  appendFile(join(keysDir, decisionsFile), `${line}\n`);
}
