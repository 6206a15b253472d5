/** Rollouts that are played before they happen. Fleets are small and days few, so that all of it takes seconds. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { Command } from "commander";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readReport } from "../../cloud-agent/core/reports.ts";
import { register } from "../../scripts/cli/rehearse/command.ts";
import { type Planted, usualFaults } from "../../scripts/rehearse/faults.ts";
import { rehearse } from "../../scripts/rehearse/play.ts";
import { readReleaseFile } from "../../scripts/rehearse/releaseFile.ts";
import type { Report } from "../../scripts/rehearse/report.ts";
import { type Desk, makeDesk, policy, policyText, writePolicy } from "./fixtures.ts";

let desk: Desk;
beforeAll(() => {
  desk = makeDesk();
});
afterAll(() => desk.remove());

/** Nothing of the field's own bad luck, so that what is seen is the release's. */
const calm = {
  ...usualFaults,
  ...{
    sleepers: 0,
    away: 0,
    loss: 0,
    poorShare: 0,
    powerCuts: 0,
    weak: 0,
    outages: 1e-9,
    vanish: 0,
  },
};

function played(planted: Planted = {}, more: Partial<Parameters<typeof rehearse>[0]> = {}) {
  return rehearse({
    release: readReleaseFile(desk.release),
    from: readReleaseFile(desk.old),
    policy: { author: "a", ...policy, sequence: 3, target: { models: ["rehearsed"] } },
    ...{ devices: 60, days: 1, pastDays: 0.2, checkInS: 3600, seed: 7, faults: calm, planted },
    ...more,
  });
}

const withoutTime = ({ seconds: _, eventsPerS: __, ...rest }: Report) => rest;

describe("a rehearsal", () => {
  it("of a good release in a calm field ends with every device updated, at the cost of patches", async () => {
    const report = await played();
    expect(report).toMatchObject({
      ...{ status: "done", updated: 60, halts: 0, reverts: 0, refusals: 0, stranded: [] },
      lostToField: { vanished: 0, emptyCells: 0, asleep: 0 },
    });
    expect(report.hours).toBeGreaterThan(7);
    expect(report.hours).toBeLessThan(12);
    expect(report.checkIns).toBeGreaterThan(60 * 20);
    const last = report.series.updated.at(-1);
    expect(last).toBe(60);
    expect(report.timeline.map(({ kind }) => kind)).toContain("wavePromoted");
  });

  it("is the same for the same seed, and another for another", async () => {
    const faults = { ...usualFaults, powerCuts: 2 };
    const [one, same, other] = [
      await played({}, { faults, days: 0.5 }),
      await played({}, { faults, days: 0.5 }),
      await played({}, { faults, days: 0.5, seed: 8 }),
    ];
    expect(withoutTime(same)).toEqual(withoutTime(one));
    expect(withoutTime(other)).not.toEqual(withoutTime(one));
  });

  it.each([
    ["throws at its start", { bootCrash: true }],
    ["hangs until the watchdog ends it", { hang: true }],
    ["browns the board out", { brownOut: true }],
    ["says that it is not well", { unhealthy: true }],
  ] as [string, Planted][])(
    "of a release that %s halts in the canary wave and leaves nobody behind",
    async (_, planted) => {
      const report = await played(planted);
      expect(report).toMatchObject({ status: "halted", halts: 1, updated: 0, stranded: [] });
      expect(report.passed).toBe(false);
      expect(report.reason).toContain("wave 1 (canary)");
      expect(report.reverts).toBeGreaterThan(0);
      // Nobody outside the canary wave was ever on it.
      expect(Math.max(...report.series.trial)).toBeLessThanOrEqual(10);
      expect(report.series.recovery.at(-1)).toBe(0);
    },
  );

  it("of a release that loses the network names the devices that it strands", async () => {
    const report = await played({ lost: "esp32" }, { days: 3 });
    expect(report.stranded.length).toBeGreaterThan(0);
    for (const one of report.stranded) {
      expect(one).toMatchObject({ board: "esp32", why: "lostNetwork" });
    }
  });

  it("without the release that runs counts packed blocks, which are more bytes than patches", async () => {
    const patched = await played();
    const packed = await played({}, { from: undefined });
    expect(packed.updated).toBe(60);
    expect(packed.bytes.down).toBeGreaterThan(patched.bytes.down);
  });
});

const bin = new URL("../../scripts/cli/bin.mjs", import.meta.url).pathname;

async function run(words: string[]) {
  try {
    const done = await promisify(execFile)(process.execPath, [bin, "rehearse", ...words]);
    return { code: 0, out: done.stdout };
  } catch (cause) {
    const { code, stdout } = cause as { code: number; stdout: string };
    return { code, out: stdout };
  }
}

/** The command in this process: what it refuses, it refuses before it plays anything. */
async function refusal(words: string[]): Promise<string> {
  const program = new Command();
  register(program);
  return program.parseAsync(["node", "fleetling", "rehearse", ...words]).then(
    () => "nothing",
    (error: Error) => error.message,
  );
}

describe("fleetling rehearse", () => {
  const base = () => ["--release", desk.release, "--policy", desk.policy];

  it("prints the report, writes the page, and ends with 3 when the rollout halts", async () => {
    const page = join(desk.dir, "page.html");
    const plant = ["--plant", "boot-crash", "--html", page];
    const small = ["--devices", "40", "--days", "0.5", "--past", "0.1"];
    const { code, out } = await run([...base(), ...small, ...plant]);
    expect(code).toBe(3);
    expect(out).toMatch(/^Release 3 \(1\.3\.0\) by policy "careful": halted\n/);
    expect(out).toMatch(/^Stranded +none$/m);
    expect(out).toMatch(/^Speed .* events\/s, \d+ check-ins$/m);
    const html = readFileSync(page, "utf8");
    expect(html.match(/<svg /g)).toHaveLength(2);
    expect(html).toContain("Rehearsal of release 3 (1.3.0)");
    expect(html).not.toMatch(/<script|https?:\/\//);
  });

  it("prints one JSON object for scripts, and ends with 0 when nothing was found", async () => {
    const path = join(desk.dir, "rehearsal.json");
    const small = ["--devices", "20", "--days", "0.3", "--past", "0.1", "--json", "--out", path];
    const { code, out } = await run([...base(), "--from", desk.old, ...small]);
    expect(code).toBe(0);
    const report = JSON.parse(out);
    expect(report).toMatchObject({ devices: 20, release: { sequence: 3 }, seed: 1 });
    const written = readFileSync(path);
    expect(JSON.parse(written.toString())).toEqual(report);
    // The agent takes the file as the release's rehearsal.
    expect(readReport(new Uint8Array(written))).toMatchObject({
      ...{ kind: "rehearsal", sequence: 3, passed: true },
      images: readReleaseFile(desk.release).images.map(({ record }) => record.digest),
    });
  });

  it.each([
    [["--plant", "drain"], "--plant: expected one of drain=2"],
    [["--devices", "0"], "--devices: expected a whole number of 1 to 200000, got 0"],
    [["--past", "9"], "--past: expected a number of 0 to 7, got 9"],
    [["--loss", "1"], "--loss: expected a number of 0 to 0.95, got 1"],
  ])("refuses %j, naming what it expected and what it got", async (flags, message) => {
    const said = await refusal([...base(), ...flags]);
    expect(said).toMatch(/^REHEARSE_INPUT: /);
    expect(said).toContain(message);
  });

  it("refuses a release that runs already, a missing file, and one that is no release", async () => {
    expect(await refusal([...base(), "--from", desk.release])).toContain(
      "expected a sequence below 3, got 3",
    );
    expect(await refusal(["--release", "none.json", "--policy", desk.policy])).toMatch(
      /^REHEARSE_INPUT: none\.json: expected a release file, got ENOENT/,
    );
    expect(await refusal(["--release", desk.policy, "--policy", desk.policy])).toContain(
      "expected a release file, got Unexpected token",
    );
  });

  it("refuses a policy with a mistake, by its line", async () => {
    const path = writePolicy(desk.dir, policyText.replace("soak: 6h", "soek: 6h"));
    expect(await refusal(["--release", desk.release, "--policy", path])).toMatch(/:4:\d+: .*soek/);
  });
});
