/** Asks an agent for leaves, after it has compared the ledger with what it leased and saw. */
import { ToolError } from "./errors.ts";
import { addRange, readLedger } from "./ledger.ts";
import { ledgerOf } from "./store.ts";

export interface LeaseRequest {
  /** folder of `fleetling keys new` or `fleetling keys desk` */
  dir: string;
  /** base URL of the agent's HTTP API */
  agent: string;
  token: string;
  /** leaves wanted; 0 only compares */
  leaves: number;
  fetch?: typeof fetch;
}

export interface LeaseResult {
  lease: { from: number; to: number } | null;
  /** leaves of the whole key that no desk holds */
  keyLeavesLeft: number;
  /** leaves that this ledger may still use */
  leavesLeft: number;
  warnings: string[];
}

const answerMsMax = 20_000;

/** Leases leaves. They are in the ledger when this returns; a process killed between the agent's answer and the ledger
 *  leaves them unused for good.
 *  @throws ToolError LEASE_INPUT, LEASE_REFUSED (with the agent's code), those of the ledger */
export async function lease(request: LeaseRequest): Promise<LeaseResult> {
  const ledger = ledgerOf(request.dir);
  const before = readLedger(ledger);
  const ranges = before.ranges.map(({ from, to, next }) => ({ from, to, next }));
  const answer = await ask(request, {
    publicKey: ledger.publicKey,
    leaves: request.leaves,
    ranges,
  });
  if (answer.lease !== null) addRange(ledger, answer.lease);
  const { leavesLeft, warning } = readLedger(ledger);
  return {
    lease: answer.lease,
    keyLeavesLeft: answer.leavesLeft,
    leavesLeft,
    warnings: [warning, answer.warning].filter((text) => text !== null),
  };
}

interface Answer {
  lease: { from: number; to: number } | null;
  leavesLeft: number;
  warning: string | null;
}

async function ask({ agent, token, fetch: call = fetch }: LeaseRequest, body: object) {
  const refused = (found: string, next: string, cause?: unknown) =>
    new ToolError("LEASE_REFUSED", {
      ...{ object: agent, expected: "a lease", found, next, cause },
    });
  let reply: Response;
  try {
    reply = await call(new URL("/v1/leases", agent), {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(answerMsMax),
    });
  } catch (cause) {
    const next = "Check the address; the offline half of the key needs no agent.";
    throw refused((cause as Error).message, next, cause);
  }
  const text = await reply.text();
  if (reply.ok) return readAnswer(text, refused);
  const problem = parse(text);
  const { code, name, detail, next } = problem as Record<string, unknown>;
  if (typeof code !== "number") throw refused(`status ${reply.status}`, "Check the address.");
  throw refused(`${code} ${name}: ${detail}`, String(next));
}

function readAnswer(text: string, refused: (found: string, next: string) => ToolError): Answer {
  const { lease, leavesLeft, warning } = parse(text) as Partial<Answer>;
  const isLease = lease === null || (Number.isInteger(lease?.from) && Number.isInteger(lease?.to));
  const isAnswer =
    isLease && Number.isInteger(leavesLeft) && (warning === null || typeof warning === "string");
  if (!isAnswer) throw refused(text.slice(0, 80), "Check that the address is an agent's.");
  return { lease: lease!, leavesLeft: leavesLeft!, warning: warning! };
}

function parse(text: string): object {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}
