import { type ChildProcess, fork } from "node:child_process";
import { rmSync } from "node:fs";
import { bundleWorker, workerOptions } from "../lib/workerBundle.ts";
import { deviceCode } from "./device.ts";
import { type Material, makeMaterial } from "./material.ts";
import type { News } from "./plan.ts";
import type { End, Order, Task } from "./worker.ts";

/** A start that has not ended after this much of the host's time never will. */
const silenceMsMax = 120_000;

/** Processes that play the tasks of a sweep. They run one bundle: it plays faster than what a loader translates file by
 *  file. Processes, because the loader of this one does not reach into threads. */
export class Crew {
  /** processor's time of all of them so far */
  cpuMs = 0;
  readonly #tasks: Task[];
  readonly #take: (news: News) => void;
  readonly #built = new Map<string, Promise<{ material: Material; code: string }>>();
  #file = "";

  constructor(tasks: Task[], take: (news: News) => void) {
    this.#tasks = tasks;
    this.#take = take;
  }

  /** Plays all tasks by so many processes. */
  async run(jobs: number): Promise<void> {
    this.#file = await bundleWorker(new URL("worker.ts", import.meta.url), "powercut");
    try {
      await Promise.all(Array.from({ length: jobs }, () => this.#work()));
    } finally {
      rmSync(this.#file);
    }
  }

  /** One process after the other until no task is left: one that falls silent or ends is followed by another. */
  async #work(): Promise<void> {
    while (this.#tasks.length) await this.#process();
  }

  #order(task: Task): Promise<Order> {
    let built = this.#built.get(task.board);
    if (!built) {
      built = makeMaterial(task.board).then(async (material) => ({
        material,
        code: await deviceCode(material),
      }));
      this.#built.set(task.board, built);
    }
    return built.then((what) => ({ task, ...what }));
  }

  #process(): Promise<void> {
    return new Promise((resolve, reject) => {
      const worker = fork(this.#file, workerOptions);
      let at = "";
      let timer: NodeJS.Timeout;
      let isOver = false;
      const end = (text?: string) => {
        if (isOver) return;
        isOver = true;
        clearTimeout(timer);
        worker.kill("SIGKILL");
        if (text) this.#take({ kind: "bad", id: at, findings: [{ outcome: "stuck", text }] });
        resolve();
      };
      const listen = () => {
        clearTimeout(timer);
        timer = setTimeout(() => end("device code does not return"), silenceMsMax);
      };
      const next = () => {
        clearTimeout(timer);
        this.#give(worker).then((isGiven) => (isGiven ? listen() : end()), reject);
      };
      let cpuMs = 0;
      worker.on("message", (news: News | End) => {
        listen();
        if (news.kind === "at") at = news.id;
        else if (news.kind !== "end") this.#take(news);
        else {
          this.cpuMs += news.cpuMs - cpuMs;
          cpuMs = news.cpuMs;
          next();
        }
      });
      worker.on("exit", (code) => end(`the process that plays it ends with code ${code}`));
      next();
    });
  }

  async #give(worker: ChildProcess): Promise<boolean> {
    const task = this.#tasks.shift();
    if (!task) return false;
    const order = await this.#order(task);
    if (worker.connected) worker.send(order);
    return true;
  }
}
