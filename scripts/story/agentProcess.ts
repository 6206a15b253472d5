import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { appendFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { AgentApi, until } from "./api.ts";

const mainFile = fileURLToPath(new URL("../../cloud-agent/main.ts", import.meta.url));
const tsx = import.meta.resolve("tsx");

export interface AgentSettings {
  dataDir: string;
  km: Uint8Array;
  keySetFile: string;
  checkInS: number;
  tickMs: number;
  lab: boolean;
}

/** A port that nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** The real agent in a process of its own, which can be killed and started again on the same folder. */
export class AgentProcess {
  readonly httpPort: number;
  readonly mqttPort: number;
  readonly api: AgentApi;
  readonly adminToken = randomBytes(24).toString("base64url");
  readonly logFile: string;
  #settings: AgentSettings;
  #child: ChildProcess | null = null;

  private constructor(settings: AgentSettings, httpPort: number, mqttPort: number) {
    this.#settings = settings;
    this.httpPort = httpPort;
    this.mqttPort = mqttPort;
    this.logFile = join(settings.dataDir, "agent.log");
    this.api = new AgentApi(this.httpUrl, this.adminToken);
  }

  static async create(settings: AgentSettings): Promise<AgentProcess> {
    return new AgentProcess(settings, await freePort(), await freePort());
  }

  get httpUrl(): string {
    return `http://127.0.0.1:${this.httpPort}`;
  }
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** @returns once /readyz answers 200 */
  async start(): Promise<void> {
    const s = this.#settings;
    const child = spawn(
      process.execPath,
      ["--import", tsx, pathToFileURL(mainFile).href.slice(7)],
      {
        stdio: ["ignore", "pipe", "pipe"],
        env: {
          PATH: process.env.PATH,
          FLEETLING_DATA: s.dataDir,
          FLEETLING_KM: Buffer.from(s.km).toString("hex"),
          FLEETLING_RELEASE_KEYS: s.keySetFile,
          FLEETLING_HTTP_PORT: String(this.httpPort),
          FLEETLING_MQTT_PORT: String(this.mqttPort),
          FLEETLING_MQTT_HOST: "127.0.0.1",
          FLEETLING_ADMIN_TOKEN: this.adminToken,
          FLEETLING_CHECKIN_S: String(s.checkInS),
          FLEETLING_TICK_MS: String(s.tickMs),
          FLEETLING_LAB: String(s.lab),
          // A story's releases are made in front of the reader; there is no rehearsal before it.
          FLEETLING_RELEASE_GATE: "open",
          // The story's deadlines are its own; a demo does not wait for every fsync of a busy disk.
          FLEETLING_DURABILITY: "normal",
        },
      },
    );
    this.#child = child;
    const keep = (data: Buffer) => appendFileSync(this.logFile, data);
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    let ended = false;
    child.on("exit", () => {
      ended = true;
      if (this.#child === child) this.#child = null;
    });
    await until(
      `the agent to be ready (its log: ${this.logFile})`,
      async () => {
        if (ended) throw new Error(`the agent ended at once, see ${this.logFile}`);
        try {
          return (await fetch(`${this.httpUrl}/readyz`)).ok;
        } catch (error) {
          // Not listening yet is what is waited out; anything else is an error.
          if (error instanceof TypeError) return false;
          throw error;
        }
      },
      30_000,
    );
  }

  /** SIGKILL: nothing is flushed, nothing is said. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }
  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }
  #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child) return Promise.resolve();
    return new Promise((resolve) => {
      child.once("exit", () => resolve());
      child.kill(signal);
    });
  }
}
