import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { until } from "../story/api.ts";
import type { InterpreterDevice } from "./interpreter.ts";

/** Joins a pty, which the interpreter opens as its serial port, and the gateway's TCP listener: the cable. */
export class Line {
  readonly #socat: ChildProcess;

  private constructor(socat: ChildProcess) {
    this.#socat = socat;
  }

  /** Makes the port that the device opens at its start: file `port` in its folder.
   *  @param gatewayPort where a gateway listens on this host
   *  @throws Error when there is no socat */
  static async open(device: InterpreterDevice, gatewayPort: number): Promise<Line> {
    const link = join(device.dir, "port");
    const socat = spawn("socat", [`pty,raw,echo=0,link=${link}`, `tcp:127.0.0.1:${gatewayPort}`], {
      stdio: "inherit",
    });
    const failed = new Promise<never>((_, reject) => {
      socat.on("error", (cause) =>
        reject(
          new Error("a board with a serial link needs socat: install it and try again", { cause }),
        ),
      );
    });
    await Promise.race([failed, until("the pty", async () => existsSync(link), 5000, 50)]);
    return new Line(socat);
  }

  close(): void {
    this.#socat.kill();
  }
}
