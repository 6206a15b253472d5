/** Links to payloads: whoever holds one may read one payload in one form until it ends. Pure. */
import { createHmac, timingSafeEqual } from "node:crypto";
import { AgentCode, AgentError } from "../core/errors.ts";

export interface Link {
  /** hex SHA-256 of the payload */
  digest: string;
  /** whom it is sealed for; null: the image itself */
  serial: string | null;
  /** seconds since 1970 */
  expiresS: number;
}

/** @returns path and query */
export function linkPath(link: Link, key: Uint8Array): string {
  const { digest, serial, expiresS } = link;
  const query = new URLSearchParams({ expires: String(expiresS) });
  if (serial !== null) query.set("serial", serial);
  query.set("signature", signatureOf(link, key));
  return `/v1/payloads/${digest}?${query}`;
}

/** @throws AgentError LinkInvalid */
export function checkLink(link: Link, signature: string, key: Uint8Array, nowMs: number): void {
  const wanted = Buffer.from(signatureOf(link, key));
  const given = Buffer.from(signature);
  const refuse = (finding: string) => {
    const what = `link to payload ${link.digest.slice(0, 16)}`;
    return new AgentError(AgentCode.LinkInvalid, `${what}: ${finding}`);
  };
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
    throw refuse("expected this agent's signature over it, got another one");
  }
  if (link.expiresS * 1000 <= nowMs) {
    throw refuse(`it ended at ${new Date(link.expiresS * 1000).toISOString()}`);
  }
}

function signatureOf({ digest, serial, expiresS }: Link, key: Uint8Array): string {
  const text = JSON.stringify(["FL1-link", digest, serial, expiresS]);
  return createHmac("sha256", key).update(text).digest("hex");
}
