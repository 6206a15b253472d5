/** The hooks file, and the secrets it names. */
import { readFileSync } from "node:fs";
import { AgentCode, AgentError } from "../core/errors.ts";
import { parseHooks } from "../core/provisioning/settings.ts";
import type { Hook } from "../outputs/hook.ts";
import { readSecret } from "./secretFile.ts";

/** @param path JSON; omitted: no hooks
 *  @throws AgentError HooksInvalid, also for a secret that cannot be read */
export function readHooks(path: string | undefined): Hook[] {
  if (path === undefined) return [];
  return parseHooks(readJson(path)).map(({ secret, secretFile, ...hook }) => ({
    ...hook,
    secret: secret ?? readSecret(`hook ${hook.name}`, secretFile!, AgentCode.HooksInvalid),
  }));
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    const text = `hooks ${path}: expected a JSON file, got: ${(cause as Error).message}`;
    throw new AgentError(AgentCode.HooksInvalid, text, { cause });
  }
}
