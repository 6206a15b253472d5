import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Board } from "../../boards/index.ts";
import type { Firmware } from "../cli/build/firmware.ts";

/** What a build worker is asked and what it answers. */
export type BuildAsk = { id: number; boardId: string; appFile: string };
export type BuildAnswer = { id: number; firmware: Firmware } | { id: number; error: string };

/** Builds firmware away from the process where the boards live: a build would stop their time for seconds. One worker
 *  per board kind, so that the second build finds the first one's caches warm. */
export class Builder {
  readonly #workers = new Map<string, ChildProcess>();
  readonly #waiting = new Map<number, { boardId: string; take(answer: BuildAnswer): void }>();
  #nextId = 1;

  /** @throws Error with the build's own words */
  async build(board: Board, appFile: string): Promise<Firmware> {
    const id = this.#nextId++;
    const answer = await new Promise<BuildAnswer>((take) => {
      this.#waiting.set(id, { boardId: board.id, take });
      this.#worker(board.id).send({ id, boardId: board.id, appFile } satisfies BuildAsk);
    });
    if ("error" in answer) throw new Error(`build of ${appFile} for ${board.id}: ${answer.error}`);
    return answer.firmware;
  }

  /** Ends the workers; what they were building is given up. */
  stop(): void {
    for (const worker of this.#workers.values()) worker.kill("SIGKILL");
  }

  #worker(boardId: string): ChildProcess {
    const known = this.#workers.get(boardId);
    if (known) return known;
    // A child inherits the loader of this process from its arguments.
    const worker = fork(fileURLToPath(new URL("./buildWorker.ts", import.meta.url)));
    worker.on("message", (answer: BuildAnswer) => this.#settle(answer));
    worker.on("exit", () => {
      this.#workers.delete(boardId);
      for (const [id, one] of this.#waiting) {
        if (one.boardId === boardId) this.#settle({ id, error: "the build process ended" });
      }
    });
    this.#workers.set(boardId, worker);
    return worker;
  }

  #settle(answer: BuildAnswer): void {
    this.#waiting.get(answer.id)?.take(answer);
    this.#waiting.delete(answer.id);
  }
}
