/** `fleetling agent`: the service's upkeep, on both databases, against an agent that runs. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Agent, createAgent } from "../../cloud-agent/agent.ts";
import { systemClock } from "../../cloud-agent/platform/clock.ts";
import { parseConfig } from "../../cloud-agent/platform/config.ts";
import { createLog } from "../../cloud-agent/platform/log.ts";
import { systemRandom } from "../../cloud-agent/platform/random.ts";
import { deviceRecord } from "../cloud-agent/fixtures.ts";
import { runCommand } from "../support/command.ts";
import { hasPostgres, needsPostgres, newPostgresUrl } from "../support/stores.ts";

let dir: string;
let agents: Agent[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "fleetling-upkeep-"));
  agents = [];
});
afterEach(async () => {
  for (const agent of agents) await agent.stop();
  rmSync(dir, { recursive: true });
});

/** @returns exit code and both outputs of `fleetling agent …` in an environment with nothing else */
function run(words: string[], env: Record<string, string> = {}) {
  return runCommand(["agent", ...words], { cwd: dir, env });
}

async function start(data: string, databaseUrl?: string): Promise<Agent> {
  const ports = { httpPort: 0, mqttPort: 0, mqttHost: "127.0.0.1" };
  const agent = createAgent(parseConfig({ data, databaseUrl, ...ports }), {
    ...{ clock: systemClock, random: systemRandom, log: createLog("silent") },
    showAdminToken: () => undefined,
  });
  agents.push(agent);
  await agent.start();
  return agent;
}

const born = (agent: Agent, serial: string) =>
  agent.store.tx((tx) => tx.putDevice(deviceRecord(serial)));
const serials = (agent: Agent) =>
  agent.store.tx(async (tx) => (await tx.devices({ limit: 99 })).map(({ serial }) => serial));
const eventCount = (agent: Agent, kind: string) => agent.store.tx((tx) => tx.countEvents({ kind }));

describe.each([
  ["SQLite", true],
  [`PostgreSQL${needsPostgres}`, hasPostgres],
])("a backup of an agent on %s", (kind, isHere) => {
  it.skipIf(!isHere)("is taken while it runs, and put in place of another one", async () => {
    const [data, data2] = [join(dir, "one"), join(dir, "two")];
    const isPostgres = kind === "PostgreSQL";
    const [url, url2] = isPostgres ? [await newPostgresUrl(), await newPostgresUrl()] : [];
    const env = (of?: string): Record<string, string> => (of ? { DATABASE_URL: of } : {});
    const first = await start(data, url);
    await born(first, "SN-0001");
    const out = join(dir, "backup");
    const made = await run(["backup", "--data", data, "--out", out, "--with-keys"], env(url));
    expect(made).toEqual({
      ...{ code: 0, error: "" },
      out: `made ${out}: certificate.key, fleet.db, km.key\n`,
    });
    await born(first, "SN-0002");
    await first.stop();

    const again = await run(["backup", "--data", data, "--out", out], env(url));
    expect(again.code).toBe(1);
    expect(again.error).toMatch(/^BACKUP_EXISTS: .* Take another folder/);
    const over = await run(["restore", out, "--data", data], env(url));
    expect(over.code).toBe(1);
    expect(over.error).toMatch(isPostgres ? /^StoreNotEmpty \(682\)/ : /^BACKUP_EXISTS.*fleet\.db/);

    const done = await run(["restore", out, "--data", data2], env(url2));
    expect([done.code, done.error]).toEqual([0, ""]);
    expect(done.out).toContain("fleetling keys lease --leaves 0");
    const second = await start(data2, url2);
    expect(await serials(second)).toEqual(["SN-0001"]);
    expect(await eventCount(second, "reservationsRaised")).toBe(1);
  });
});

describe("a backup", () => {
  it("has no keys unless they are asked for, and is refused when a byte of it changed", async () => {
    const data = join(dir, "data");
    await born(await start(data), "SN-0001");
    const out = join(dir, "backup");
    const { code } = await run(["backup", "--data", data, "--out", out, "--json"]);
    expect([code, readdirSync(out).sort()]).toEqual([0, ["backup.json", "fleet.db"]]);
    const bytes = readFileSync(join(out, "fleet.db"));
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(join(out, "fleet.db"), bytes);
    const refused = await run(["restore", out, "--data", join(dir, "new")]);
    expect(refused.error).toMatch(/^BACKUP_DAMAGED: .*fleet\.db: .* nothing was changed/);
    expect(existsSync(join(dir, "new"))).toBe(false);
    const none = await run(["restore", dir, "--data", join(dir, "new")]);
    expect(none.error).toMatch(/^BACKUP_DAMAGED: .*backup\.json/);
    const missing = await run(["backup", "--data", join(dir, "none"), "--out", join(dir, "b2")]);
    expect(missing.error).toMatch(/^BACKUP_SOURCE: .* DATABASE_URL/);
    expect(existsSync(join(dir, "b2"))).toBe(false);
  });
});

describe.skipIf(!hasPostgres)(`a move to PostgreSQL${needsPostgres}`, () => {
  it("takes the fleet along, and no agent starts on the old database again", async () => {
    const data = join(dir, "data");
    const first = await start(data);
    await born(first, "SN-0001");
    await first.stop();
    const url = await newPostgresUrl();
    const file = join(data, "fleet.db");
    const moved = await run(["migrate-store", "--from", file, "--to", url, "--json"]);
    expect(moved.error).toBe("");
    expect(JSON.parse(moved.out).rows).toMatchObject({ devices: 1 });
    await expect(start(data)).rejects.toMatchObject({ name: "StoreMoved" });
    agents.pop();
    const second = await start(data, url);
    expect(await serials(second)).toEqual(["SN-0001"]);
    const twice = await run(["migrate-store", "--from", file, "--to", await newPostgresUrl()]);
    expect(twice.error).toMatch(/^StoreMoved \(681\)/);
  });
});

describe("check-config", () => {
  it("prints the settings without their secrets, and names every wrong one", async () => {
    const env = { FLEETLING_DATA: join(dir, "data"), FLEETLING_KM: "ab".repeat(32) };
    const right = await run(["check-config"], env);
    expect([right.code, right.error]).toEqual([0, ""]);
    expect(right.out).toMatch(/^km +\(set\)$/m);
    expect(right.out).not.toContain("abab");
    expect(right.out).toContain("The settings are right");
    const wrong = await run(["check-config"], {
      ...{ FLEETLING_HTTP_PORT: "70000", DATABASE_URL: "mysql://x", FLEETLING_TICKS: "1" },
    });
    expect(wrong.code).toBe(1);
    for (const name of ["ConfigInvalid (651)", "httpPort", "databaseUrl", "ticks"])
      expect(wrong.error).toContain(name);
    const away = { ...env, DATABASE_URL: "postgres://agent:secret@127.0.0.1:1/fleet" };
    const unreachable = await run(["check-config"], away);
    expect(unreachable.error).toMatch(/^StoreUnreachable \(680\): database postgres:\/\/agent:…@/);
  });
});
