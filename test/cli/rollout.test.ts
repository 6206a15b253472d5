/** Rollouts from a terminal, over the real API. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { birthRecord, deviceRecord } from "../cloud-agent/fixtures.ts";
import { type Harness, harness, startMs } from "../cloud-agent/http/harness.ts";
import { releaseOf } from "../cloud-agent/rollout/fleet.ts";
import { runFor } from "../support/command.ts";

const example = new URL("../../cloud-agent/examples/rollout-policy.yaml", import.meta.url).pathname;
const schemaFile = new URL("../../cloud-agent/rollout-policy.schema.json", import.meta.url)
  .pathname;
let api: Harness;
let url = "";
let folder = "";
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "fleetling-rollout-"));
  api = await harness();
  url ||= await api.app.listen({ port: 0, host: "127.0.0.1" });
  await api.store.tx(async (tx) => {
    await tx.putRelease(releaseOf(7));
    for (const serial of ["SN-0001", "SN-0002"]) {
      const birth = { ...birthRecord(serial), model: "sensor-1", classId: "class-puckjs" };
      await tx.putDevice(
        deviceRecord(serial, { birth, lifecycle: 3, runningSequence: 6, lastSeenMs: startMs }),
      );
    }
  });
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  await api.close();
});

const run = (...words: string[]) => runFor(url, words, { token: "operator-token" });

describe("fleetling rollout", () => {
  it("starts a release by a policy file, and says the words of an operator", async () => {
    const started = await run("rollout", "start", "--policy", example, "--release", "7");
    expect(started).toEqual({
      code: 0,
      out: expect.stringMatching(
        /^[0-9a-f]{12} {2}release 7 {2}running, wave 1 of 3 {2}2 devices, 0 held back\n$/,
      ),
      error: "",
    });
    const id = started.out.slice(0, 12);
    const stored = (await api.call("GET", `/v1/rollouts/${id}`)).body;
    expect(stored.policy).toMatchObject({
      author: "operator",
      sequence: 7,
      deviceTimeoutMs: 864e5,
    });
    expect((await run("rollout", "pause", id)).out).toContain("paused, wave 1 of 3");
    expect((await run("rollout", "resume", id)).out).toContain("running");
    expect((await run("rollout", "list")).out).toContain(`${id}  7        running`);
    expect((await run("rollout", "abort", id)).out).toContain("aborted");
    expect((await run("rollout", "show", id)).out).toContain("aborted");
    const again = await run("rollout", "pause", id);
    expect([again.code, again.error]).toEqual([1, expect.stringMatching(/^RolloutStateWrong: /)]);
  }, 240_000);

  it("checks a policy without an agent, and prints the schema that is published", async () => {
    const checked = await run("rollout", "check-policy", example);
    expect(checked.out).toBe(
      "Sensors, the careful way: the policy is good.\n" +
        "wave  name    size        soak  confirmed\n" +
        "1     canary  20 devices  2d    100 %\n" +
        "2     early   10 %        24h   90 %\n" +
        "3     all     100 %       12h   100 %\n",
    );
    const json = JSON.parse((await run("rollout", "check-policy", example, "--json")).out);
    expect(json).toMatchObject({ silentMs: 259_200_000, onHalt: "revert" });
    const schema = JSON.parse((await run("rollout", "schema")).out);
    expect(schema).toEqual(JSON.parse(readFileSync(schemaFile, "utf8")));
  }, 240_000);

  it("refuses a wrong policy by its lines, and starts nothing", async () => {
    const file = join(folder, "policy.yaml");
    writeFileSync(file, readFileSync(example, "utf8").replace("soak: 48h", "soka: 48h"));
    const refused = {
      code: 1,
      out: "",
      error:
        `${file}:10:5: soka: unknown key; did you mean "soak"?\n` +
        "PolicyFileInvalid: Correct the lines named; fleetling rollout schema prints what a policy file may hold.\n",
    };
    expect(await run("rollout", "check-policy", file)).toEqual(refused);
    expect(await run("rollout", "start", "--policy", file, "--release", "7")).toEqual(refused);
    const missing = await run("rollout", "check-policy", join(folder, "none.yaml"));
    expect([missing.code, missing.error]).toEqual([1, expect.stringMatching(/^FILE_INVALID: /)]);
    const release = await run("rollout", "start", "--policy", example, "--release", "seven");
    expect(release.error).toMatch(/^FLAG_INVALID: --release: expected a whole number/);
    expect((await api.call("GET", "/v1/rollouts")).body).toEqual({ rollouts: [] });
  }, 240_000);
});

describe("fleetling device why", () => {
  it("says what a device gets and why not more, now and then", async () => {
    const policy = {
      ...{ name: "to 7", sequence: 7, target: { serials: ["SN-0001"] }, holdBackShare: 0 },
      waves: [{ name: "all", size: { percent: 100 }, soakMs: 0 }],
    };
    const { id } = (await api.call("POST", "/v1/rollouts", policy, "operator")).body;
    api.clock.now += 60_000;
    await api.call("POST", `/v1/rollouts/${id}/start`, {}, "operator");
    const now = await run("device", "why", "SN-0001");
    expect(now.out.split("\n").slice(0, 2)).toEqual([
      '2027-01-15T08:01:00Z  SN-0001 gets release 7 (offered): release 7 is offered by rollout "to 7"',
      expect.stringMatching(/^SN-0001 does not run release 7 yet: the offer waits since/),
    ]);
    const then = await run("device", "why", "SN-0001", "--at", "2027-01-15T08:00:30Z");
    expect(then.out).toMatch(
      /^2027-01-15T08:00:30Z {2}SN-0001 gets nothing \(draft\): rollout "to 7"/,
    );
    const wrong = await run("device", "why", "SN-0001", "--at", "yesterday");
    expect(wrong.error).toMatch(/^FLAG_INVALID: --at: expected a time like 2026-12-24T18:00:00Z/);
  }, 240_000);
});
