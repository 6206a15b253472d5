import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Agent, createAgent } from "../../../cloud-agent/agent.ts";
import { registerBirth } from "../../../cloud-agent/core/births.ts";
import { systemClock } from "../../../cloud-agent/platform/clock.ts";
import {
  type AgentConfigInput,
  configFromEnv,
  parseConfig,
} from "../../../cloud-agent/platform/config.ts";
import { createLog } from "../../../cloud-agent/platform/log.ts";
import { systemRandom } from "../../../cloud-agent/platform/random.ts";
import { databaseAt } from "../../support/stores.ts";
import { birthRecord } from "../fixtures.ts";

const adminToken = "an-administrators-token";
let data: string;
let agents: Agent[];
let children: ChildProcess[];
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), "fleetling-agent-"));
  agents = [];
  children = [];
});
afterEach(async () => {
  for (const agent of agents) await agent.stop();
  for (const child of children) child.kill("SIGKILL");
  rmSync(data, { recursive: true });
});

const shown: string[] = [];
async function start(changes: AgentConfigInput = {}): Promise<Agent> {
  const quiet = { logLevel: "silent" as const, mqttHost: "127.0.0.1" };
  const base = { data, httpPort: 0, mqttPort: 0, ...(await databaseAt(data)) };
  const agent = createAgent(parseConfig({ ...base, ...quiet, ...changes }), {
    clock: systemClock,
    random: systemRandom,
    log: createLog("silent"),
    showAdminToken: (token) => void shown.push(token),
  });
  agents.push(agent);
  await agent.start();
  return agent;
}
const call = (url: string, path: string, init: RequestInit = {}) =>
  fetch(url + path, {
    ...init,
    headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json" },
  });

describe("an agent", () => {
  it("makes its keys at the first start, readable by its user only, and shows its token once", async () => {
    shown.length = 0;
    const first = await start();
    await first.stop();
    for (const file of ["km.key", "certificate.key"]) {
      expect([file, statSync(join(data, file)).mode & 0o777]).toEqual([file, 0o600]);
    }
    expect(shown).toHaveLength(1);
    const second = await start();
    const reply = await fetch(`${second.httpUrl}/v1/summary`, {
      headers: { authorization: `Bearer ${shown[0]}` },
    });
    expect(reply.status).toBe(200);
    expect(shown).toHaveLength(1);
  });

  it("that was restored from a backup raises its reservations once, before it serves anybody", async () => {
    const first = await start();
    const serial = "PUCK-0001";
    const hello = { hello: "00", chalBody: "00", sid: "00112233", epoch: 0 };
    const counts = { bootCount: 1, handshakeCount: 1, receivedCounter: 0, sendReserved: 5 };
    await first.store.tx(async (tx) => {
      const birth = birthRecord(serial);
      await registerBirth(tx, { birth, checkInS: 60, nowMs: 0 });
      await tx.putSession({ serial, ...hello, ...counts });
    });
    await first.stop();
    writeFileSync(join(data, "restored"), "");
    const second = await start();
    const raised = () => second.store.tx((tx) => tx.countEvents({ kind: "reservationsRaised" }));
    const session = await second.store.tx((tx) => tx.session(serial));
    const held = await second.store.tx((tx) => tx.meta("leasesHeld"));
    expect([session, held, await raised()]).toEqual([null, "1", 1]);
    expect(existsSync(join(data, "restored"))).toBe(false);
    await second.stop();
    const third = await start();
    expect(await third.store.tx((tx) => tx.countEvents({ kind: "reservationsRaised" }))).toBe(1);
  });

  it.each(["km.key", "certificate.key"])(
    "never makes a new %s for an old database, and refuses a broken one",
    async (file) => {
      await (await start()).stop();
      unlinkSync(join(data, file));
      await expect(start()).rejects.toMatchObject({ name: "KeyFileInvalid" });
      writeFileSync(join(data, file), "broken");
      await expect(start()).rejects.toMatchObject({ name: "KeyFileInvalid" });
    },
  );

  it("refuses a master key that is not its database's", async () => {
    await (await start({ km: "11".repeat(32) })).stop();
    await expect(start({ km: "22".repeat(32) })).rejects.toMatchObject({
      message: "master key 1: expected the one this database was made with, got another",
    });
    await start({ km: "11".repeat(32) });
  });

  it("takes no more requests once it stops, ends open event streams, and can be stopped twice", async () => {
    const agent = await start({ adminToken });
    const url = agent.httpUrl;
    const stream = await call(url, "/v1/events/stream");
    await Promise.all([agent.stop(), agent.stop()]);
    expect(await stream.text()).toBe(": open\n\n");
    await expect(call(url, "/healthz")).rejects.toThrow("fetch failed");
  });

  it("that is killed has kept everything it answered", async () => {
    const env = {
      ...{ PATH: process.env.PATH, FLEETLING_DATA: data, FLEETLING_ADMIN_TOKEN: adminToken },
      ...{ FLEETLING_HTTP_PORT: "0", FLEETLING_MQTT_PORT: "0", FLEETLING_MQTT_HOST: "127.0.0.1" },
      DATABASE_URL: (await databaseAt(data)).databaseUrl,
    };
    const child = spawn(process.execPath, ["--import", "tsx", "cloud-agent/main.ts"], { env });
    children.push(child);
    let text = "";
    for await (const part of child.stdout!) {
      text += part;
      if (text.includes('"msg":"agent runs"')) break;
    }
    const url = /"httpUrl":"([^"]+)"/.exec(text)![1]!;
    const serials = Array.from({ length: 20 }, (_, n) => `SN-${1000 + n}`);
    const replies = await Promise.all(
      serials.map((serial) =>
        call(url, "/v1/births", { method: "POST", body: JSON.stringify(birthRecord(serial)) }),
      ),
    );
    child.kill("SIGKILL");
    expect(replies.map((reply) => reply.status)).toEqual(serials.map(() => 201));
    const after = await start({ adminToken });
    const list = (await (await call(after.httpUrl, "/v1/devices")).json()) as {
      devices: { serial: string }[];
    };
    expect(list.devices.map((device) => device.serial)).toEqual(serials);
  }, 30_000);
});

describe("settings", () => {
  it("come from the environment over a file, with defaults for the rest", () => {
    const file = join(data, "agent.json");
    writeFileSync(file, JSON.stringify({ httpPort: 1, tickMs: 50, lab: true }));
    const env = {
      FLEETLING_CONFIG: file,
      FLEETLING_DATA: data,
      FLEETLING_HTTP_PORT: "9000",
      FLEETLING_CHECKIN_S: "5",
      FLEETLING_TOKEN: "of the command line tool",
      HOME: "/",
    };
    expect(configFromEnv(env)).toEqual({
      data,
      httpPort: 9000,
      httpHost: "127.0.0.1",
      mqttPort: 1883,
      mqttHost: "0.0.0.0",
      kmId: 1,
      kmIds: [],
      ...{ vitalsRawDays: 7, vitalsHourDays: 30, vitalsDayDays: 730, vitalsRawRowsMax: 20_000_000 },
      coding: "any",
      payloadsRegion: "us-east-1",
      lab: true,
      releaseGate: "full",
      approvalsMin: 0,
      claimRequires: [],
      ...{ reconcileHour: 3, reconcileZone: "UTC", reconcileInactiveDays: 30 },
      tickMs: 50,
      checkInS: 5,
      durability: "full",
      logLevel: "info",
    });
  });

  it.each([
    ["an unknown name", { FLEETLING_HTP_PORT: "1" }, "htpPort"],
    ["a port out of range", { FLEETLING_HTTP_PORT: "70000" }, "httpPort"],
    ["a key that is no key", { FLEETLING_KM: "12" }, "expected 64 hex digits"],
    ["a flag that is neither", { FLEETLING_LAB: "maybe" }, "lab"],
    ["a file that is not there", { FLEETLING_CONFIG: "/nowhere.json" }, "/nowhere.json"],
  ])("with %s are refused by name", (_, env, named) => {
    expect(() => configFromEnv(env)).toThrow(named);
  });
});

describe("the log", () => {
  it("blanks tokens and codes, whoever logs them", () => {
    let line = "";
    const log = createLog("info", { write: (text) => void (line += text) });
    log.info({ token: "secret1", body: { claimCode: "secret2" }, serial: "SN-0001" }, "m");
    expect(line).not.toMatch(/secret\d/);
    expect(line).toContain("SN-0001");
  });
});
