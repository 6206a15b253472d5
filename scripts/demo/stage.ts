import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Firmware } from "../cli/build/firmware.ts";
import { seededRandom } from "../sim/random.ts";
import { AgentProcess } from "../story/agentProcess.ts";
import type { GatewayProcess } from "../story/gatewayProcess.ts";
import { Workshop } from "../story/workshop.ts";
import { Builder } from "./builder.ts";
import { type DemoFleet, kinds } from "./fleet.ts";
import type { DemoOptions } from "./options.ts";
import { cellState, sequences, waveBars } from "./view/cells.ts";
import type { View } from "./view.ts";
import { Watch } from "./watch.ts";

export { sequences };

const releaseKeyHeight = 10;

/** One chapter of the story. */
export interface Chapter {
  title: string;
  play(stage: Stage): Promise<void>;
}

/** Everything the chapters play with. What is not there yet when a chapter asks for it is a mistake of the order. */
export class Stage {
  readonly dir = mkdtempSync(join(tmpdir(), "fleetling-demo-"));
  readonly km = new Uint8Array(randomBytes(32));
  readonly builder = new Builder();
  readonly options: DemoOptions;
  readonly view: View;
  readonly signal: AbortSignal;
  readonly random: () => number;
  readonly #builds = new Map<string, Promise<Map<string, Firmware>>>();
  agent!: AgentProcess;
  shop!: Workshop;
  watch!: Watch;
  gateway: GatewayProcess | null = null;
  fleet: DemoFleet | null = null;

  constructor(options: DemoOptions, view: View, signal: AbortSignal) {
    this.options = options;
    this.view = view;
    this.signal = signal;
    this.random = seededRandom(`demo ${options.seed}`);
  }

  get api() {
    return this.agent.api;
  }
  get boards(): DemoFleet {
    if (!this.fleet) throw new Error("stage: expected a fleet, it is not made yet");
    return this.fleet;
  }

  /** Makes the keys. The agent is only described: it starts with `agent.start()`. */
  async prepare(): Promise<void> {
    const dataDir = join(this.dir, "agent");
    mkdirSync(dataDir);
    this.agent = await AgentProcess.create({
      dataDir,
      km: this.km,
      keySetFile: join(this.dir, "keys"),
      checkInS: 1,
      tickMs: 200,
      lab: true,
    });
    this.shop = Workshop.create(this.dir, this.km, this.agent.mqttPort, releaseKeyHeight);
    this.watch = new Watch(this.agent.api, this.signal);
    this.watch.onLook((fresh) => {
      const { snapshot } = this.watch;
      this.view.look({
        cells: (this.fleet?.devices ?? []).map(({ made, sim }) => ({
          serial: made.serial,
          board: made.board.id,
          state: cellState(snapshot.devices.get(made.serial), sim.hasPower),
        })),
        bars: waveBars(snapshot),
        rolloutName: snapshot.rollout?.policy.name ?? "",
        agentAnswers: snapshot.agentAnswers,
        fresh,
      });
    });
  }

  /** Builds one app for every board kind, or waits for the build that runs already.
   *  @param app name of a file in apps/ */
  build(app: string): Promise<Map<string, Firmware>> {
    const known = this.#builds.get(app);
    if (known) return known;
    const file = fileURLToPath(new URL(`./apps/${app}.ts`, import.meta.url));
    const build = Promise.all(kinds.map(({ board }) => this.builder.build(board, file))).then(
      (built) => new Map(built.map((firmware) => [firmware.board, firmware])),
    );
    // Whoever asks for the result meets the error; a build begun ahead of time must not end the process.
    build.catch(() => undefined);
    this.#builds.set(app, build);
    return build;
  }

  /** Any of the list, by the seed. */
  pick<T>(list: readonly T[]): T {
    const found = list[Math.floor(this.random() * list.length)];
    if (found === undefined) throw new Error("stage: expected something to pick from, got nothing");
    return found;
  }

  /** Ends everything that runs. */
  async close(): Promise<void> {
    this.watch?.stop();
    this.fleet?.stop();
    this.builder.stop();
    await this.gateway?.stop();
    await this.agent?.stop();
  }

  /** The last resort, when there is no time to wait: no child survives this process. */
  killChildren(): void {
    this.builder.stop();
    for (const pid of [this.gateway?.pid, this.agent?.pid]) {
      if (pid === undefined) continue;
      try {
        process.kill(pid, "SIGKILL");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
      }
    }
  }

  removeFolder(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}
