import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Board } from "../../boards/index.ts";
import type { Firmware } from "../cli/build/firmware.ts";

/** What a build worker is asked and what it answers. */
export type BuildAsk = { id: number; boardId: string; appFile: string };
export type BuildAnswer = { id: number; firmware: Firmware } | { id: number; error: string };

/** Builds firmware away from the process where the boards live: a build would stop their time for seconds. One worker,
 *  so that each build finds the caches of the ones before warm. */
export class Builder {
  #worker: ChildProcess | null = null;
  readonly #waiting = new Map<number, (answer: BuildAnswer) => void>();
  #nextId = 1;

  /** @throws Error with the build's own words */
  async build(board: Board, appFile: string): Promise<Firmware> {
    const id = this.#nextId++;
    const answer = await new Promise<BuildAnswer>((take) => {
      this.#waiting.set(id, take);
      this.#start().send({ id, boardId: board.id, appFile } satisfies BuildAsk);
    });
    if ("error" in answer) throw new Error(`build of ${appFile} for ${board.id}: ${answer.error}`);
    return answer.firmware;
  }

  /** Ends the worker; what it was building is given up. */
  stop(): void {
    this.#worker?.kill("SIGKILL");
    this.#worker = null;
  }

  #start(): ChildProcess {
    if (this.#worker) return this.#worker;
    // A child inherits the loader of this process from its arguments.
    const worker = fork(fileURLToPath(new URL("./buildWorker.ts", import.meta.url)));
    worker.on("message", (answer: BuildAnswer) => this.#settle(answer));
    worker.on("exit", () => {
      for (const id of [...this.#waiting.keys()]) {
        this.#settle({ id, error: "the build process ended" });
      }
    });
    this.#worker = worker;
    return worker;
  }

  #settle(answer: BuildAnswer): void {
    this.#waiting.get(answer.id)?.(answer);
    this.#waiting.delete(answer.id);
  }
}
