/** Commands about vitals, alerts and the outbox: what a person reads. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createAlertLoop } from "../../cloud-agent/alertLoop.ts";
import { parseAlertSettings } from "../../cloud-agent/core/alerts/settings.ts";
import { rollUpNext } from "../../cloud-agent/core/vitals/roll.ts";
import { deviceRecord } from "../cloud-agent/fixtures.ts";
import { type Harness, harness, startMs } from "../cloud-agent/http/harness.ts";
import { runFor } from "../support/command.ts";

let api: Harness;
let url = "";
beforeEach(async () => {
  api = await harness();
  url ||= await api.app.listen({ port: 0, host: "127.0.0.1" });
});
afterEach(() => api.close());

async function run(...words: string[]): Promise<string> {
  const { code, out, error } = await runFor(url, words);
  return code === 0 ? out : error;
}

describe("the commands", () => {
  it("show an alert with its playbook, tick a step off, silence, and list the outbox", async () => {
    const times = { heardMs: startMs, promisedMs: 60_000, dueMs: startMs, sinceMs: startMs };
    const presence = { ...times, isOffline: true };
    const device = deviceRecord("SN-1", { lifecycle: 3, lastSeenMs: startMs, presence });
    await api.store.tx((tx) => tx.putDevice(device));
    const quiet = () => undefined;
    const settings = parseAlertSettings({ rules: { offline: { holdS: 0 } } });
    const loop = createAlertLoop({
      ...{ store: api.store, settings, gateways: () => [] },
      ...{ clock: { nowMs: () => api.clock.now }, steadyMs: () => api.clock.now },
      random: { bytes: (count) => new Uint8Array(count).fill(0xab) },
      log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
      host: () => ({ lagMs: 0, freeBytes: 1, sizeBytes: 1 }),
    });
    for (let look = 0; look < 8; look++) {
      api.clock.now += 10_000;
      await loop.turn();
    }
    const id = `00${startMs + 10_000}-ababab`;
    const text =
      "SN-1 is offline: it promised to come within 1 minute, last contact 2027-01-15T08:00:00Z.";
    expect(await run("alert", "list")).toBe(
      `alert                   severity  rule     since                 care  what\n${id}  warning   offline  2027-01-15T08:00:10Z  -     ${text}\n`,
    );
    const ticked = await run("alert", "tick", id, "power", "--note", "fuse blown");
    expect(ticked.split("\n")).toEqual([
      `${id}  warning  offline  open`,
      text,
      "A device broke its promise to come again. Since 2027-01-15T08:00:10Z.",
      "[ ] list: See who else is away.",
      "      $ fleetling device list --offline",
      "[ ] vitals: Look at the battery before the silence.",
      "      $ fleetling vitals show SN-1 batteryMv --days 7",
      "[x] power: Have somebody look at power and radio on site. (admin: fuse blown)",
      "[ ] release: When those of one release are away, pause its rollout and read its failures.",
      "",
    ]);
    const match = ["alert", "silence", "--subject", "SN-1", "--reason", "repair"];
    expect(await run(...match, "--for", "2h")).toMatch(/ until 2027-01-15T10:01:20Z\n$/);
    expect(await run(...match, "--for", "soon")).toBe(
      "FLAG_INVALID: --for: expected a time like 30m, 4h or 7d, got soon. See --help.\n",
    );
    expect(await run("outbox", "list")).toMatch(
      /^entry .*\n0{11}1 +log +alert\.fired +waiting +0 /,
    );
  }, 120_000);
  it("work on a device, give its data out and erase it", async () => {
    const device = deviceRecord("SN-1", { lifecycle: 3, site: "attic" });
    await api.store.tx((tx) => tx.putDevice(device));
    const begin = ["device", "maintenance", "SN-1"];
    expect(await run(...begin, "--for", "4h", "--reason", "new cell")).toBe(
      "SN-1 is under maintenance until 2027-01-15T12:00:00Z\n",
    );
    expect(await run(...begin, "--end")).toBe("SN-1 is operating\n");
    const lines = (await run("device", "export", "SN-1")).trimEnd().split("\n");
    expect(JSON.parse(lines.at(-1)!)).toEqual({
      kind: "end",
      counts: { device: 1, event: 2, snapshot: 1 },
    });
    expect(await run("device", "export", "SN-1", "--csv", "events")).toMatch(/^id,atMs,kind,/);
    expect(await run("device", "erase", "SN-1", "--confirm", "SN-2")).toBe(
      "FLAG_INVALID: --confirm: expected SN-1, got SN-2. See --help.\n",
    );
    expect(await run("device", "erase", "SN-1", "--confirm", "SN-1")).toMatch(/^DeviceInService: /);
    await api.store.tx((tx) => tx.putDevice({ ...device, lifecycle: 6 }));
    expect(await run("device", "erase", "SN-1", "--confirm", "SN-1")).toBe(
      "SN-1: 0 vitals, 0 spans, 2 events, 0 returns, 0 snapshots, 0 provisionings, 0 commands, 0 logs erased\n",
    );
  }, 120_000);
  it("show percentiles of the fleet, and the hours of a device", async () => {
    const atMs = Date.now() - 1000;
    api.clock.now = Date.now();
    await api.store.tx(async (tx) => {
      for (const [n, mv] of [2900, 3000, 3100].entries()) {
        const serial = `SN-${n}`;
        await tx.putDevice(deviceRecord(serial));
        await tx.appendVitals([{ serial, atMs, sequence: 7, values: { batteryMv: [mv] } }]);
      }
      await rollUpNext(tx);
    });
    expect(await run("vitals", "fleet", "batteryMv", "--by", "batch")).toBe(
      "batch  devices  min   p5    p50   p95   max\nB1     3        2900  2910  3000  3090  3100\n",
    );
    const hours = (await run("vitals", "show", "SN-0", "batteryMv")).split("\n");
    expect(hours[1]).toMatch(/^20\d\d-\d\d-\d\dT\d\d:00Z {2}7 +2900 +2900 +2900 +1 +0$/);
  }, 120_000);
});
