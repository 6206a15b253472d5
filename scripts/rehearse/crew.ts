/** The processes that play a rehearsal. They run one bundle: it plays faster than what a loader translates file by file. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Order, Reply } from "./worker.ts";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export class Crew {
  readonly #file = here(`../../node_modules/.cache/fleetling/rehearse-${process.pid}.mjs`);
  #workers: ChildProcess[] = [];

  async start(parts: number): Promise<void> {
    mkdirSync(here("../../node_modules/.cache/fleetling"), { recursive: true });
    await build({
      entryPoints: [here("./worker.ts")],
      outfile: this.#file,
      ...{ bundle: true, format: "esm", platform: "node", target: "node20", packages: "external" },
      logLevel: "silent",
    });
    // Most of what a message leaves behind is garbage at once: a large nursery saves a part of the time.
    this.#workers = Array.from({ length: parts }, () =>
      fork(this.#file, {
        execArgv: ["--max-semi-space-size=64"],
        serialization: "advanced",
      }),
    );
  }

  /** Gives each its order at once and waits for all. @throws Error when one of them ends before its answer */
  async all<T extends Reply>(orderFor: (part: number) => Order): Promise<T[]> {
    return Promise.all(
      this.#workers.map(async (worker, part) => {
        const ended = new AbortController();
        const reply = once(worker, "message", { signal: ended.signal });
        const end = once(worker, "exit", { signal: ended.signal }).then(([code, signal]) => {
          throw new Error(`a process of the rehearsal ended early: code ${code}, signal ${signal}`);
        });
        try {
          worker.send(orderFor(part));
          const [answer] = (await Promise.race([reply, end])) as [T];
          return answer;
        } finally {
          // Whichever did not come is not waited for any more.
          reply.catch(() => {});
          end.catch(() => {});
          ended.abort();
        }
      }),
    );
  }

  stop(): void {
    for (const worker of this.#workers) worker.kill("SIGKILL");
    rmSync(this.#file, { force: true });
  }
}
