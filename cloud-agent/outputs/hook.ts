import { signedHeaders } from "../core/outbox/sign.ts";
import type { Clock } from "../core/ports.ts";
import { answerBytesMax } from "../core/provisioning/limits.ts";
import {
  type Call,
  type CallAnswer,
  callBody,
  callId,
  type Saga,
} from "../core/provisioning/saga.ts";
import type { HookSettings } from "../core/provisioning/settings.ts";
import { wordsOf } from "./webhook.ts";

export type Hook = Omit<HookSettings, "secret" | "secretFile"> & { secret: string };

/** Makes the calls of sagas: one attempt each. Never throws, and ends within the hook's time. */
export interface HookCaller {
  /** @param signal ends the attempt; what became of it is then unknown */
  call(saga: Saga, call: Call, signal: AbortSignal): Promise<CallAnswer>;
}

/** 408, 425 and 429 ask for a repeat; every other 4xx says that a repeat is answered alike. */
const askAgain = [408, 425, 429];

/** POSTs calls as signed JSON. 2xx: done. 403 and 409: no, for a reason of the receiver's (`{"reason": "…"}`). Other 4xx
 *  and redirects: not done, and a repeat would not help. Everything else, and no answer: unknown. */
export function createHookCaller(hooks: readonly Hook[], clock: Clock): HookCaller {
  const byName = new Map(hooks.map((hook) => [hook.name, hook]));
  return {
    async call(saga, call, signal) {
      const hook = byName.get(saga.steps[call.at]!.name);
      if (!hook) return { kind: "unknown", error: "no hook of this name is configured" };
      const { compensate, timeoutS } = hook;
      const isUndo = call.action === "compensate";
      const url = isUndo && typeof compensate === "string" ? compensate : hook.url;
      const message = { id: callId(saga, call), body: callBody(saga, call) };
      try {
        const reply = await fetch(url, {
          method: "POST",
          redirect: "manual",
          headers: {
            "content-type": "application/json",
            "idempotency-key": message.id,
            "fleetling-kind": `${saga.event}.${call.action}`,
            ...signedHeaders(hook.secret, message, clock.nowMs()),
          },
          body: message.body,
          signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutS * 1000)]),
        });
        return await answerOf(reply);
      } catch (cause) {
        return { kind: "unknown", error: wordsOf(cause, timeoutS) };
      }
    },
  };
}

async function answerOf(reply: Response): Promise<CallAnswer> {
  const { status } = reply;
  if (status === 403 || status === 409) {
    return { kind: "vetoed", reason: (await reasonOf(reply)) ?? `status ${status}` };
  }
  // Nobody reads it, and a long one would hold the connection.
  await reply.body?.cancel();
  if (reply.ok) return { kind: "passed" };
  if (status < 500 && !askAgain.includes(status)) {
    return { kind: "refused", error: `status ${status}` };
  }
  const retryAfterS = Number(reply.headers.get("retry-after") ?? 0);
  const retryAfterMs = Number.isFinite(retryAfterS) ? retryAfterS * 1000 : 0;
  return { kind: "unknown", error: `status ${status}`, retryAfterMs };
}

/** The receiver's own words, where its answer is short JSON that has them. */
async function reasonOf(reply: Response): Promise<string | null> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const part of reply.body ?? []) {
    text += decoder.decode(part, { stream: true });
    if (text.length > answerBytesMax) return null;
  }
  try {
    const { reason } = JSON.parse(text) as { reason?: unknown };
    return typeof reason === "string" && reason !== "" ? reason : null;
  } catch {
    return null;
  }
}
