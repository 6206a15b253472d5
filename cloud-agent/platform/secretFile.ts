import { readFileSync } from "node:fs";
import { AgentError } from "../core/errors.ts";

/** A secret from its file. @throws AgentError of this code for one that cannot be read or is empty */
export function readSecret(owner: string, path: string, code: number): string {
  try {
    const secret = readFileSync(path, "utf8").trim();
    if (secret !== "") return secret;
    throw new TypeError("an empty file");
  } catch (cause) {
    const text = `${owner}: expected a secret in ${path}, got: ${(cause as Error).message}`;
    throw new AgentError(code, text, { cause });
  }
}
