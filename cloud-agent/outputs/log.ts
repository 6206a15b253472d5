import type { Log } from "../core/ports.ts";
import type { Output } from "./port.ts";

/** Writes entries into the agent's log. */
export function createLogOutput(name: string, log: Log): Output {
  return {
    name,
    async send({ id, kind, body }) {
      const value: unknown = JSON.parse(body);
      log.warn({ id, kind, body: value }, (value as { text?: string }).text ?? kind);
      return { isDelivered: true };
    },
  };
}
