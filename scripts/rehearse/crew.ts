import { type ChildProcess, fork } from "node:child_process";
import { rmSync } from "node:fs";
import { bundleWorker, workerOptions } from "../lib/workerBundle.ts";
import type { Order, Reply } from "./worker.ts";

/** The processes that play a rehearsal. */
export class Crew {
  #file = "";
  #workers: ChildProcess[] = [];

  async start(parts: number): Promise<void> {
    this.#file = await bundleWorker(new URL("worker.ts", import.meta.url), "rehearse");
    this.#workers = Array.from({ length: parts }, () => fork(this.#file, workerOptions));
  }

  /** Gives each its order at once and waits for all. @throws Error when one of them ends before its answer */
  async all<T extends Reply>(orderFor: (part: number) => Order): Promise<T[]> {
    return Promise.all(this.#workers.map((worker, part) => ask<T>(worker, orderFor(part))));
  }

  stop(): void {
    for (const worker of this.#workers) worker.kill("SIGKILL");
    if (this.#file !== "") rmSync(this.#file, { force: true });
  }
}

function ask<T extends Reply>(worker: ChildProcess, order: Order): Promise<T> {
  return new Promise((resolve, reject) => {
    const answered = (reply: unknown) => {
      worker.off("exit", ended);
      resolve(reply as T);
    };
    const ended = (code: number | null, signal: string | null) => {
      worker.off("message", answered);
      reject(new Error(`a process of the rehearsal ended early: code ${code}, signal ${signal}`));
    };
    worker.once("message", answered);
    worker.once("exit", ended);
    worker.send(order);
  });
}
