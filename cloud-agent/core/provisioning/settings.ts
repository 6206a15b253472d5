/** What the hooks file may say. Unknown names are refused: a misspelt veto would be one that is not there. */
import { z } from "zod";
import { AgentCode, AgentError } from "../errors.ts";
import { hooksMax } from "./limits.ts";
import { type HookPlan, type SagaEvent, sagaEvents } from "./saga.ts";

const url = z.url({ protocol: /^https?$/ });
const hook = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9_-]{1,32}$/, "expected 1 to 32 of A-Z a-z 0-9 _ -"),
  url,
  secret: z.string().min(16).max(256).optional(),
  secretFile: z.string().min(1).optional(),
  /** what it is called for */
  on: z.array(z.enum(sagaEvents)).min(1),
  /** an attempt without an answer after so long has failed */
  timeoutS: z.number().int().min(1).max(30).default(10),
  /** how long a call without an answer is repeated; a person waits for a claim */
  giveUpS: z.number().int().min(0).max(600).default(60),
  /** true: its 403 and 409 stop what it is asked about */
  mayVeto: z.boolean().default(false),
  /** true: it is called to take back what it did, at its address or another one */
  compensate: z.union([z.boolean(), url]).default(false),
});
const schema = z.strictObject({ hooks: z.array(hook).max(hooksMax) });

export type HookSettings = z.output<typeof hook>;

/** Checks hooks and fills in defaults. @throws AgentError HooksInvalid, naming every wrong one */
export function parseHooks(input: unknown): HookSettings[] {
  const result = schema.safeParse(input);
  if (!result.success) throw invalid(z.prettifyError(result.error));
  const { hooks } = result.data;
  const names = hooks.map(({ name }) => name);
  const twice = names.find((one, at) => names.indexOf(one) !== at);
  if (twice !== undefined) throw invalid(`hooks: expected each name once, found ${twice} twice`);
  for (const { name, secret, secretFile } of hooks) {
    const count = [secret, secretFile].filter((one) => one !== undefined).length;
    if (count !== 1) {
      throw invalid(`hook ${name}: expected 1 of secret or secretFile, found ${count}`);
    }
  }
  return hooks;
}

/** The hooks of an event, in their order. Pure. */
export function hooksFor(hooks: readonly HookSettings[], event: SagaEvent): HookPlan[] {
  return hooks
    .filter(({ on }) => on.includes(event))
    .map(({ name, mayVeto, compensate, giveUpS }) => ({
      ...{ name, mayVeto, canUndo: compensate !== false, giveUpMs: giveUpS * 1000 },
    }));
}

function invalid(text: string): AgentError {
  return new AgentError(AgentCode.HooksInvalid, `hooks:\n${text}`);
}
