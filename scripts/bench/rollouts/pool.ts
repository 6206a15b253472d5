import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Plan, Played } from "./play.ts";

const program = fileURLToPath(new URL("worker.ts", import.meta.url));
/** Plans of one message: long enough that nobody waits for mail, short enough that all end together. */
const plansPerMessage = 5;

/** Plays plans in several processes. Results come in the order of the plans, so their number changes nothing.
 *  @throws when one of them ends before its work is done */
export async function playAll(plans: Plan[], processes: number): Promise<Played[]> {
  const results = new Array<Played>(plans.length);
  let next = 0;
  const run = async () => {
    const worker = fork(program, [], { execArgv: ["--import", "tsx"] });
    const ended = once(worker, "exit").then(([code, signal]) => {
      throw new Error(`a worker of the bench ended early: code ${code}, signal ${signal}`);
    });
    ended.catch(() => {});
    while (next < plans.length) {
      const at = next;
      next += plansPerMessage;
      worker.send(plans.slice(at, at + plansPerMessage));
      const [played] = (await Promise.race([once(worker, "message"), ended])) as [Played[]];
      for (const [index, one] of played.entries()) results[at + index] = one;
    }
    worker.disconnect();
  };
  await Promise.all(Array.from({ length: processes }, run));
  return results;
}
