import { answerMsMax } from "../core/outbox/limits.ts";
import type { Outcome } from "../core/outbox/outbox.ts";
import { signedHeaders } from "../core/outbox/sign.ts";
import type { Clock } from "../core/ports.ts";
import type { Output } from "./port.ts";

/** POSTs entries as signed JSON. Any status from 200 to 299 is a delivery; a redirect is none, because the secret was agreed
 *  with this address. */
export function createWebhook(
  options: { name: string; url: string; secret: string },
  clock: Clock,
): Output {
  const { name, url, secret } = options;
  return {
    name,
    async send(entry): Promise<Outcome> {
      try {
        const reply = await fetch(url, {
          method: "POST",
          redirect: "manual",
          headers: {
            "content-type": "application/json",
            "fleetling-kind": entry.kind,
            ...signedHeaders(secret, entry, clock.nowMs()),
          },
          body: entry.body,
          signal: AbortSignal.timeout(answerMsMax),
        });
        // Nobody reads it, and a long one would hold the connection.
        await reply.body?.cancel();
        if (reply.ok) return { isDelivered: true };
        const retryAfterS = Number(reply.headers.get("retry-after") ?? 0);
        const retryAfterMs = Number.isFinite(retryAfterS) ? retryAfterS * 1000 : 0;
        return { isDelivered: false, error: `status ${reply.status}`, retryAfterMs };
      } catch (cause) {
        return { isDelivered: false, error: wordsOf(cause, answerMsMax / 1000) };
      }
    },
  };
}

/** Why no answer came; fetch hides the reason in the cause. */
export function wordsOf(error: unknown, timeoutS: number): string {
  const { name, message, cause } = error as Error & { cause?: { message?: string; code?: string } };
  if (name === "TimeoutError") return `no answer in ${timeoutS} s`;
  return cause?.message || cause?.code || message;
}
