/** Signature of webhooks: who holds the secret knows who sent the body, and when. */
import { createHmac, timingSafeEqual } from "node:crypto";

/** Seconds by which a receiver's clock may differ before it calls a webhook a recording. */
export const signatureAgeSMax = 300;

/** The headers that make a body a signed one. The time is that of the attempt, so that a repeat after days is fresh.
 *  @returns names in lower case. Source: RUNBOOK.md "Webhooks" */
export function signedHeaders(
  secret: string,
  message: { id: string; body: string },
  nowMs: number,
): Record<string, string> {
  const timeS = Math.floor(nowMs / 1000);
  const signature = `v1=${macOf(secret, message.id, timeS, message.body)}`;
  return {
    "fleetling-id": message.id,
    "fleetling-time": String(timeS),
    "fleetling-signature": signature,
  };
}

/** What a receiver does: true when the body is of the sender that has the secret, and of these minutes. */
export function signatureHolds(
  secret: string,
  message: { headers: Record<string, string | undefined>; body: string },
  nowMs: number,
): boolean {
  const id = message.headers["fleetling-id"] ?? "";
  const timeS = Number(message.headers["fleetling-time"]);
  if (!(Math.abs(nowMs / 1000 - timeS) <= signatureAgeSMax)) return false;
  const wanted = Buffer.from(`v1=${macOf(secret, id, timeS, message.body)}`);
  const got = Buffer.from(message.headers["fleetling-signature"] ?? "");
  return wanted.length === got.length && timingSafeEqual(wanted, got);
}

function macOf(secret: string, id: string, timeS: number, body: string): string {
  return createHmac("sha256", secret).update(`${id}.${timeS}.${body}`).digest("hex");
}
