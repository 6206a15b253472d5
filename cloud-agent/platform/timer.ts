import { setTimeout as wait } from "node:timers/promises";

/** Repeats work on the host's clock. The only place of the agent that starts a timer. */

/** @param work awaited before the next pause begins, so turns never overlap; has to catch its own errors
 *  @returns stops the repetition; a turn that is under way still ends */
export function every(pauseMs: number, work: () => void | Promise<void>): () => Promise<void> {
  let isStopped = false;
  let running: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout;
  const arm = () => {
    timer = setTimeout(() => {
      running = Promise.resolve(work()).finally(() => {
        if (!isStopped) arm();
      });
    }, pauseMs);
  };
  arm();
  return () => {
    isStopped = true;
    clearTimeout(timer);
    return running;
  };
}

/** Lets everything that has come in meanwhile have its turn: transactions of SQLite alone never do. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Waits; the process may end meanwhile. */
export function pause(ms: number): Promise<void> {
  return wait(ms, undefined, { ref: false });
}
