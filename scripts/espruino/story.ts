import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Board, slotAddresses } from "../../boards/index.ts";
import { Code } from "../../firmware/protocol/errors.ts";
import { variableBars } from "../cli/release/check/bars.ts";
import { AgentProcess } from "../story/agentProcess.ts";
import { type Json, until } from "../story/api.ts";
import { GatewayProcess } from "../story/gatewayProcess.ts";
import { inspectFlash } from "../story/inspect.ts";
import { secretsFound, secretsOf } from "../story/secrets.ts";
import { type MadeDevice, Workshop } from "../story/workshop.ts";
import { InterpreterDevice } from "./interpreter.ts";
import { Line } from "./line.ts";
import { Tap } from "./tap.ts";

export interface StoryResult {
  board: string;
  failures: string[];
  bytes: Record<string, number>;
  /** most variables that should be in use: between events, and while updating */
  bars: { idle: number; peak: number };
  variablesIdle: number;
  variablesPeak: number;
  /** what each update's way took, from its offer to the restart into it */
  wire: Record<WireCoding, Crossing>;
  seconds: Record<string, number>;
  secretsFound: string[];
  starts: number;
}

/** packed: from an image that the agent does not have · patched: from one that it has · plain: into the core alone */
type WireCoding = "packed" | "patched" | "plain";

export interface Crossing {
  imageBytes: number;
  /** both ways, as they crossed the TCP connection: framing, manifest and the check-ins of that time included */
  wireBytes: number;
}

function barsOf({ link, variables }: Board): [idle: number, peak: number] {
  const [idle, peak] = variableBars[link];
  return variables === "runtime" ? [idle, peak] : [idle, Math.min(peak, variables)];
}

const app = (name: string) => fileURLToPath(new URL(`./apps/${name}.ts`, import.meta.url));
const serial = "ESP-0001";
const keyUnknown = Code.ManifestKeyUnknown;

/** A board without native hashes takes so many times as long for what it proves and checks. */
const slownessWithoutHash = 6;

/** Birth, claim, update, confirm, key-set change, bad update, revert, recovery, wipe: one real interpreter, one real agent. */
export async function playStory(
  bin: string,
  board: Board,
  say: (line: string) => void,
): Promise<StoryResult> {
  const isSlow = !board.crypto.sha256;
  const slowness = isSlow ? slownessWithoutHash : 1;
  const canGoBack = board.plan.kind === "ab";
  const dir = mkdtempSync(join(tmpdir(), "fleetling-story-"));
  const km = new Uint8Array(randomBytes(32));
  mkdirSync(join(dir, "agent"));
  const agent = await AgentProcess.create({
    dataDir: join(dir, "agent"),
    km,
    keySetFile: join(dir, "keys"),
    checkInS: isSlow ? slownessWithoutHash : 1,
    tickMs: 200,
    lab: true,
  });
  await agent.start();
  const gateway = board.link === "serial" ? await GatewayProcess.start(agent) : null;
  const tap = await Tap.start(gateway ? gateway.port : agent.mqttPort);
  const shop = Workshop.create(dir, km, tap.port);
  const bars = barsOf(board);
  const none: Crossing = { imageBytes: 0, wireBytes: 0 };
  const result: StoryResult = {
    board: board.id,
    bars: { idle: bars[0], peak: bars[1] },
    failures: [],
    bytes: {},
    variablesIdle: 0,
    variablesPeak: 0,
    wire: { packed: none, patched: none, plain: none },
    seconds: {},
    secretsFound: [],
    starts: 0,
  };
  let device: InterpreterDevice | null = null;
  let born: MadeDevice | null = null;
  let line: Line | null = null;
  const { api } = agent;
  const step = async (name: string, run: () => Promise<string>) => {
    const start = Date.now();
    try {
      const note = await run();
      result.seconds[name] = (Date.now() - start) / 1000;
      say(
        `${"ok".padEnd(5)}${name.padEnd(12)}${result.seconds[name]!.toFixed(1).padStart(6)} s  ${note ?? ""}`,
      );
    } catch (error) {
      result.failures.push(`${name}: ${(error as Error).message}`);
      say(`FAIL ${name.padEnd(12)} ${(error as Error).message}`);
      if (device) {
        const view = inspectFlash(board, (device as InterpreterDevice).flash());
        say(
          `       flash: boot ${JSON.stringify(view.boot)} failed ${JSON.stringify(view.failed)}`,
        );
      }
      const events = await api.must("GET", `/v1/devices/${serial}/events?limit=500`);
      for (const e of events.events.slice(-12)) say(`       ${e.kind} ${e.code ?? ""} ${e.text}`);
      throw error;
    }
  };
  const get = () => api.must("GET", `/v1/devices/${serial}`);
  const wait = <T>(what: string, probe: () => Promise<T | null | undefined | false>, ms: number) =>
    until(what, probe, ms * slowness);
  const event = (kind: string, where: (e: Json) => boolean, limitMs: number) =>
    wait(
      `event ${kind}`,
      async () => {
        const reply = await api.must("GET", `/v1/devices/${serial}/events?limit=500`);
        return reply.events.find((e: Json) => e.kind === kind && where(e));
      },
      limitMs,
    );
  const vitalsMax = async (index: number) => {
    const reply = await api.must("GET", `/v1/devices/${serial}/vitals?limit=500`);
    return reply.vitals
      .map((v: Json) => v.values.variablesInUse?.[index] ?? 0)
      .filter((v: number) => v > 0) as number[];
  };
  const rollOut = async (sequence: number) => {
    const draft = await api.must("POST", "/v1/rollouts", {
      name: `release ${sequence}`,
      sequence,
      target: { serials: [serial] },
      waves: [{ name: "all", size: { percent: 100 }, soakMs: 500 }],
      holdBackShare: 0,
      author: "story",
      approver: "reader",
    });
    await api.must("POST", `/v1/rollouts/${draft.id}/start`, {});
    return draft.id as string;
  };
  const signed = async (sequence: number, version: string, appName: string) => {
    const firmware = await shop.build(board, app(appName));
    const images = [{ board, firmware }];
    return shop.release({ sequence, floor: 1, version, notes: "Story release.", images });
  };
  /** A bar that is missed fails the story, which goes on: the other figures are wanted too. */
  const judged = (what: string, used: number, bar: number) => {
    if (used <= bar) return `pass (bar ${bar})`;
    result.failures.push(`${what}: expected at most ${bar} variables, found ${used}`);
    return `OVER the bar of ${bar}`;
  };
  /** Counts what crosses the wire from the offer until the image is installed. */
  const crossing = async (
    coding: WireCoding,
    imageBytes: number,
    offer: () => Promise<unknown>,
    installed: () => Promise<unknown>,
  ) => {
    const before = tap.bytes;
    await offer();
    await installed();
    const wireBytes = tap.bytes - before;
    result.wire[coding] = { imageBytes, wireBytes };
    return `${coding}: ${wireBytes} B crossed the wire for an image of ${imageBytes} B`;
  };
  const publish = async (release: Awaited<ReturnType<typeof signed>>) => {
    const images = release.file.images.map(({ board, envelope, payload }) => ({
      board,
      envelope,
      payload,
    }));
    await api.must("POST", "/v1/releases", { images });
    return release;
  };

  try {
    await step("birth", async () => {
      const firmware = await shop.build(board, app("good"));
      for (const row of firmware.sizes) result.bytes[row.name] = row.bytes;
      const made = shop.make(board, serial, firmware, 1);
      born = made;
      await api.must("POST", "/v1/births", made.birth.record);
      device = new InterpreterDevice(bin, made.storage);
      if (gateway) line = await Line.open(device, tap.port);
      device.powerOn();
      await wait("the first check-in", async () => (await get()).lastSeenMs, 20_000);
      return `core ${result.bytes.core} B, framework ${result.bytes.framework} B, app ${result.bytes.app} B`;
    });
    const made = device! as InterpreterDevice;
    await step("claim", async () => {
      const wrong = await api.call("POST", "/v1/claims", {
        serial,
        code: "00000000000000000",
        account: "a1",
      });
      if (wrong.status < 400) throw new Error("a wrong code was taken");
      await api.must("POST", "/v1/claims", { serial, code: born!.birth.code, account: "a1" });
      await event("claimCommitted", () => true, 30_000);
      return "wrong code refused, device key replaced";
    });
    await step("idle", async () => {
      await new Promise((resolve) => setTimeout(resolve, 6000));
      const used = await vitalsMax(0);
      result.variablesIdle = Math.min(...used.slice(-4));
      return `${result.variablesIdle} variables in use, ${judged("idle", result.variablesIdle, bars[0])}`;
    });
    let good: Awaited<ReturnType<typeof signed>> | null = null;
    const refuse = async () => {
      const { envelope, payload } = (await signed(2, "1.1", "better")).file.images[0]!;
      await api.must("POST", "/v1/lab/offers", { serial, sequence: 2, envelope, payload });
      await event("updateRefused", (e) => e.code === Code.SoftwareFixed, 30_000);
      await api.must("DELETE", `/v1/lab/offers/${serial}`);
      return "an offer is refused: the image is fixed";
    };
    const update = async () => {
      // The image it was born with was never published, so no patch can be made from it.
      const release = await publish(await signed(2, "1.1", "better"));
      const offer = () => rollOut(2);
      const installed = () => event("updateInstalled", (e) => e.sequence === 2, 90_000);
      const crossed = await crossing("packed", sizeOf(release), offer, installed);
      await event("updateConfirmed", (e) => e.sequence === 2, 90_000);
      await new Promise((resolve) => setTimeout(resolve, 1500));
      result.variablesPeak = Math.max(...(await vitalsMax(1)));
      const peak = judged("update", result.variablesPeak, bars[1]);
      return `confirmed 1.1; at most ${result.variablesPeak} variables, ${peak}; ${crossed}`;
    };
    const command = async (name: string | null, argument: unknown = null) => {
      const place = name === null ? "logs" : "commands";
      const body = { expiresS: 600, ...(name === null ? {} : { name, argument }) };
      const { id } = await api.must("POST", `/v1/devices/${serial}/${place}`, body);
      const ended = async () => {
        const reply = await api.must("GET", `/v1/devices/${serial}/commands`);
        return reply.commands.find((one: Json) => one.id === id && one.endedMs !== null);
      };
      const { state, code, result: told } = await wait(`command ${name}`, ended, 30_000);
      return `${state} ${code} ${told}`;
    };
    const commands = async () => {
      const expected: [string, unknown, RegExp][] = [
        ["add", -1_000_000, /^done 0 -9\d{5}$/],
        ["double", null, /^done 0 2$/],
        ["half", null, /^failed 158 null$/],
        ["long", null, /^failed 158 null$/],
        ["fail", null, /^failed 157 Error: no luck$/],
        ["toString", null, /^refused 154 null$/],
        ["restart", null, /^failed 155 null$/],
      ];
      for (const [name, argument, pattern] of expected) {
        const told = await command(name, argument);
        if (!pattern.test(told)) throw new Error(`${name}: expected ${pattern}, got ${told}`);
      }
      const log = await command(null);
      const { logs } = await api.must("GET", `/v1/devices/${serial}/logs`);
      if (logs[0]?.lines.join() !== "begins")
        throw new Error(`log: expected "begins", got ${log} ${JSON.stringify(logs)}`);
      return "each way to end one is told, a restart inside one does not repeat it; the log is told";
    };
    const changeKeys = async () => {
      const stale = await signed(3, "1.1.1", "good");
      const version = shop.replaceReleaseKeys();
      await event("keySetTaken", (e) => e.data.version === version, 60_000);
      const { status, body } = await api.call("POST", "/v1/releases", stale.file);
      if (body.code !== keyUnknown) throw new Error(`expected 106, got ${status} ${body.code}`);
      const { envelope, payload } = stale.file.images[0]!;
      await api.must("POST", "/v1/lab/offers", { serial, sequence: 3, envelope, payload });
      await event("updateRefused", (e) => e.code === keyUnknown, 60_000);
      await api.must("DELETE", `/v1/lab/offers/${serial}`);
      good = await signed(4, "1.2", "good");
      await publish(good);
      const offer = () => rollOut(4);
      const installed = () => event("updateInstalled", (e) => e.sequence === 4, 90_000);
      const crossed = await crossing("patched", sizeOf(good), offer, installed);
      await event("updateConfirmed", (e) => e.sequence === 4, 90_000);
      return `key set ${version} taken; the old key is refused by agent and device, the new one confirmed 1.2; ${crossed}`;
    };
    const revert = async () => {
      await publish(await signed(5, "1.3", "bad"));
      await rollOut(5);
      await event("updateReverted", (e) => e.sequence === 5, 120_000);
      const d = await get();
      if (d.runningSequence !== 4)
        throw new Error(`expected release 4 to run, got ${d.runningSequence}`);
      return "1.3 ended at every start, 1.2 runs again";
    };
    const recover = async () => {
      await made.powerOff();
      const flash = made.flash();
      for (const at of slotAddresses(board)) flash.fill(0, at, at + 64);
      made.writeFlash(flash);
      made.powerOn();
      await wait("recovery", async () => (await get()).slotState === 2, 30_000);
      const { envelope, payload } = good!.file.images[0]!;
      const runs = async (states: number[]) => {
        const d = await get();
        return states.includes(d.slotState) && d.runningSequence === 4;
      };
      const offer = () =>
        api.must("POST", "/v1/lab/offers", { serial, sequence: 4, envelope, payload });
      const installed = () => wait("release 4 on trial", () => runs([0, 1]), 60_000);
      const crossed = await crossing("plain", sizeOf(good!), offer, installed);
      await wait("release 4 again", () => runs([0]), 60_000);
      // A core that takes updates alone takes plain images.
      if (board.updates === "anywhere") needOrder(result);
      return `every slot destroyed; the core took the release by itself; ${crossed}`;
    };
    if (board.plan.kind === "fixed") await step("refusal", refuse);
    else {
      await step("update", update);
      await step("commands", commands);
      await step("key set", changeKeys);
      // With one slot there is nothing to go back to.
      if (canGoBack) await step("revert", revert);
      await step("recovery", recover);
    }
    await step("wipe", async () => {
      await api.must("POST", `/v1/devices/${serial}/decommission`, {
        mode: "scrap",
        person: "story",
      });
      await event("certificateIssued", () => true, 60_000);
      await new Promise((resolve) => setTimeout(resolve, 1500));
      await made.powerOff();
      result.secretsFound = secretsFound(made.flash(), secretsOf(born!.birth, km, 1));
      if (result.secretsFound.length)
        throw new Error(`still on flash: ${result.secretsFound.join(", ")}`);
      return "certificate issued, no secret on flash";
    });
  } catch (error) {
    if (!result.failures.length) result.failures.push((error as Error).message);
  } finally {
    if (device) {
      result.starts = (device as InterpreterDevice).starts;
      await (device as InterpreterDevice).remove();
    }
    (line as Line | null)?.close();
    if (gateway) await gateway.stop();
    await agent.stop();
    await tap.stop();
    if (!result.failures.length) rmSync(dir, { recursive: true, force: true });
    else say(`kept for a look: ${dir}`);
  }
  return result;
}

const sizeOf = (release: { file: { images: Json[] } }): number =>
  Buffer.from(release.file.images[0]!.payload, "base64").length;

/** A patch has to cost less than packed blocks, or none was made. Plain ones are printed to compare with: what is said
 *  besides in that time, a check-in a second, is too much of it to judge by. */
function needOrder({ wire, failures }: StoryResult): void {
  const perByte = ({ imageBytes, wireBytes }: Crossing) => wireBytes / imageBytes;
  if (perByte(wire.patched) < perByte(wire.packed)) return;
  failures.push(`wire: expected patched < packed per byte of image, found ${JSON.stringify(wire)}`);
}
