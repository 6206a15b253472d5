import type { OutboxEntry, Outcome } from "../core/outbox/outbox.ts";

/** Where entries of the outbox go. */
export interface Output {
  name: string;
  /** One attempt. Never throws and ends within a bounded time. */
  send(entry: OutboxEntry): Promise<Outcome>;
}
