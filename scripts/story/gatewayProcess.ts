import { type ChildProcess, spawn } from "node:child_process";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { type AgentProcess, freePort } from "./agentProcess.ts";
import { until } from "./api.ts";

const cli = fileURLToPath(new URL("../cli/bin.mjs", import.meta.url));

/** The real gateway in a process of its own: boards without a network reach the agent through it. */
export class GatewayProcess {
  readonly port: number;
  readonly #child: ChildProcess;
  #log = "";

  private constructor(port: number, child: ChildProcess) {
    this.port = port;
    this.#child = child;
    const keep = (d: Buffer) => {
      this.#log = (this.#log + d.toString()).slice(-4000);
    };
    child.stdout!.on("data", keep);
    child.stderr!.on("data", keep);
  }

  static async start(agent: AgentProcess, id = "gw1"): Promise<GatewayProcess> {
    const { token } = await agent.api.must("POST", "/v1/tokens", { role: "gateway", name: id });
    const port = await freePort();
    const args = ["gateway", "--broker", `mqtt://127.0.0.1:${agent.mqttPort}`, "--id", id];
    const child = spawn(process.execPath, [cli, ...args, "--listen", String(port)], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env.PATH, FLEETLING_GATEWAY_TOKEN: token },
    });
    const gateway = new GatewayProcess(port, child);
    await until("the gateway to listen", () => gateway.#listens(), 20_000);
    return gateway;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  #listens(): Promise<boolean> {
    if (this.#child.exitCode !== null) throw new Error(`the gateway ended: ${this.#log}`);
    return new Promise((resolve) => {
      const socket = connect(this.port, "127.0.0.1");
      socket.on("connect", () => {
        socket.destroy();
        resolve(true);
      });
      socket.on("error", () => resolve(false));
    });
  }

  stop(): Promise<void> {
    if (this.#child.exitCode !== null) return Promise.resolve();
    return new Promise((resolve) => {
      this.#child.once("exit", () => resolve());
      this.#child.kill("SIGTERM");
    });
  }
}
