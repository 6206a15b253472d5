/** A real Mosquitto with the files that the agent's command writes, where it is installed. */
import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { writeMosquitto } from "../../scripts/cli/agent/mosquitto.ts";
import { freePort } from "./freePort.ts";

const folders = ["/usr/sbin", "/usr/local/sbin", ...(process.env.PATH ?? "").split(delimiter)];
const bin = folders.map((dir) => join(dir, "mosquitto")).find((path) => existsSync(path));

export const hasMosquitto = bin !== undefined;
/** Said by a skipped test. */
export const needsMosquitto = hasMosquitto ? "" : " (skipped: Mosquitto is not installed)";

export interface Mosquitto {
  devicePort: number;
  agentPort: number;
  secrets: Record<string, string>;
  /** Starts it again on the same ports. */
  start(): Promise<void>;
  stop(): Promise<void>;
  remove(): Promise<void>;
}

export async function openMosquitto(gateways: string[] = []): Promise<Mosquitto> {
  const dir = mkdtempSync(join(tmpdir(), "fleetling-mosquitto-"));
  const [devicePort, agentPort] = [await freePort(), await freePort()];
  const secrets = writeMosquitto({ dir, gateways, devicePort, agentPort });
  const config = join(dir, "mosquitto.conf");
  // Started by root it would become a user that cannot read a test's folder.
  if (process.getuid?.() === 0) appendFileSync(config, "\nuser root\n");
  let child: ChildProcess | null = null;
  const broker: Mosquitto = {
    ...{ devicePort, agentPort, secrets },
    async start() {
      child = spawn(bin!, ["-c", config], { stdio: ["ignore", "ignore", "pipe"] });
      let told = "";
      child.stderr!.on("data", (bytes) => {
        told += bytes;
      });
      for (let n = 0; !(await listens(agentPort)); n++) {
        if (n > 200 || child.exitCode !== null)
          throw new Error(`mosquitto did not start: ${told}\n${readFileSync(config, "utf8")}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    async stop() {
      const ending = child;
      child = null;
      if (!ending || ending.exitCode !== null) return;
      const ended = new Promise((resolve) => ending.once("exit", resolve));
      ending.kill("SIGKILL");
      await ended;
    },
    async remove() {
      await broker.stop();
      rmSync(dir, { recursive: true });
    },
  };
  await broker.start();
  return broker;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const end = (isThere: boolean) => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}
