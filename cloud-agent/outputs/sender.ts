/** Sends what is due in the outbox, again and again. All state is in the store: an agent killed between sending and noting
 *  it sends once more, under the same id. */
import { answerMsMax, sentPerTurnMax } from "../core/outbox/limits.ts";
import {
  dueEntries,
  forgetEnded,
  type Outcome,
  outboxOutputs,
  settle,
} from "../core/outbox/outbox.ts";
import type { Clock, Log } from "../core/ports.ts";
import type { Store } from "../storage/store.ts";
import type { Output } from "./port.ts";

/** @param deps.outputs those configured; an entry for another one waits, because the next start may have it */
export function createSender(deps: {
  store: Store;
  clock: Clock;
  steadyMs(): number;
  log: Log;
  outputs: Output[];
}): { turn(): Promise<void>; stop(): void } {
  const { store, log } = deps;
  let isStopped = false;
  const outputs = new Map(deps.outputs.map((output) => [output.name, output]));
  const now = () => ({ steadyMs: deps.steadyMs(), wallMs: deps.clock.nowMs() });

  /** Ends with the first failure: an output that is down costs one attempt a turn, and a slow one holds up the others for
   *  no longer than one that does not answer. */
  async function sendTo(name: string): Promise<void> {
    const output = outputs.get(name);
    const due = await store.tx((tx) => dueEntries(tx, name, deps.steadyMs(), sentPerTurnMax));
    const untilMs = deps.steadyMs() + answerMsMax;
    for (const entry of due) {
      if (isStopped || deps.steadyMs() > untilMs) return;
      const outcome: Outcome = output
        ? await output.send(entry)
        : { isDelivered: false, error: "no output of this name is configured" };
      await store.tx((tx) => settle(tx, entry, outcome, now()));
      if (outcome.isDelivered) continue;
      log.warn({ id: entry.id, output: name, error: outcome.error }, "not delivered");
      return;
    }
  }

  return {
    /** No entry is begun after it; the one that is under way still ends. */
    stop() {
      isStopped = true;
    },
    /** Never throws: what could not be noted is told in the log and sent again. */
    async turn() {
      try {
        const names = await store.tx((tx) => outboxOutputs(tx));
        await Promise.all(names.map(sendTo));
        await store.tx((tx) => forgetEnded(tx, deps.steadyMs()));
      } catch (err) {
        log.error({ err }, "outbox turn failed; the next one tries again");
      }
    },
  };
}
