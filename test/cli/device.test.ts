/** `fleetling device show | flag | revert | sunset`: one device, as an operator handles it. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { Code } from "../../firmware/protocol/errors.ts";
import { Lifecycle } from "../../firmware/protocol/messages.ts";
import { deviceRecord } from "../cloud-agent/fixtures.ts";
import { type Harness, harness, startMs } from "../cloud-agent/http/harness.ts";
import { runFor } from "../support/command.ts";

const serial = "SN-0001";
let api: Harness;
let url = "";
beforeEach(async () => {
  api = await harness();
  url ||= await api.app.listen({ port: 0, host: "127.0.0.1" });
  await api.store.tx((tx) =>
    tx.putDevice(
      deviceRecord(serial, {
        ...{ lifecycle: Lifecycle.Operating, account: "acme", site: "attic", tags: ["north"] },
        ...{ runningSequence: 7, otherSequence: 6, otherValid: true, floor: 5 },
        ...{ interpreter: "2v29", lastSeenMs: startMs - 60_000, refused: null },
        lastFailed: { sequence: 8, digest: "ab".repeat(8), code: 211, text: "too dark", log: "x" },
      }),
    ),
  );
});
afterEach(() => api.close());

/** @returns standard output, or standard error where the command failed */
async function run(...words: string[]): Promise<string> {
  const { code, out, error } = await runFor(url, ["device", ...words]);
  return code === 0 ? out : error;
}
const wanted = async () =>
  (await api.store.tx((tx) => tx.device(serial)))!.wantedSettings?.values ?? null;

it("a device is shown in lines, each a fact, and what it has nothing of is left out", async () => {
  const shown = await run("show", serial);
  for (const line of [
    /^serial {7}SN-0001 \(.*, puckjs, batch B1\)$/m,
    /^state {8}operating$/m,
    /^owner {8}acme$/m,
    /^place {8}attic, north$/m,
    /^seen {9}2027-01-15T07:59:00Z, /m,
    /^runs {9}release 7, confirmed$/m,
    /^other slot {3}release 6$/m,
    /^failed {7}release 8: TrialUnhealthy \(211\); too dark; its log ends with "x"$/m,
  ])
    expect(shown).toMatch(line);
  expect(shown).not.toMatch(/^(refused|order|settings|maintenance)/m);
  expect(JSON.parse(await run("show", serial, "--json")).serial).toBe(serial);
  expect(await run("show", "SN-0009")).toMatch(/^UnknownDevice/);
}, 60_000);

it("a flag is switched beside the settings, and what a device has or did not take is told", async () => {
  const values = { blinkMs: 250, code: "0042" };
  await api.call("PUT", `/v1/devices/${serial}/settings`, { values });
  expect(await run("flag", serial, "nightMode", "on")).toBe(
    "blinkMs=250 code=0042 f.nightMode=true; waiting for its next contact\n",
  );
  expect(await wanted()).toEqual({ ...values, "f.nightMode": true });
  await api.store.tx(async (tx) => {
    const device = (await tx.device(serial))!;
    const settingsRefused = { code: Code.SettingUnknown };
    await tx.putDevice({ ...device, settingsRevision: 2, settingsRefused });
  });
  expect(await run("show", serial)).toMatch(
    /^settings {5}blinkMs=250 code=0042 f.nightMode=true; the device has them; code not taken: SettingUnknown \(151\)$/m,
  );
  await run("flag", serial, "nightMode", "off");
  expect(await wanted()).toEqual(values);
  expect(await run("flag", serial, "nightMode", "maybe")).toMatch(/^FLAG_INVALID: <state>/);
}, 60_000);

it("a flag can be on for a time", async () => {
  const before = Math.floor(Date.now() / 1000);
  await run("flag", serial, "trialTariff", "on", "--for", "2h");
  const untilS = Number((await wanted())!["f.trialTariff"]);
  expect(untilS - before).toBeGreaterThanOrEqual(7200);
  expect(untilS - before).toBeLessThan(7260);
}, 60_000);

it("a device is ordered back to its other slot, one order at a time, and refused where that would be below its floor", async () => {
  expect(await run("revert", serial)).toBe("SN-0001: goes back to release 6 at its next contact\n");
  expect(await run("sunset", serial)).toMatch(/^OrderPending/);
  await api.store.tx((tx) =>
    tx.putDevice(
      deviceRecord("SN-0002", {
        ...{ lifecycle: Lifecycle.Operating, otherSequence: 4, otherValid: true, floor: 5 },
      }),
    ),
  );
  expect(await run("revert", "SN-0002")).toMatch(/^RevertBelowFloor/);
}, 60_000);

it("a device is sent on its own, and called back", async () => {
  expect(await run("sunset", serial)).toBe("SN-0001: goes on alone from its next contact on\n");
  const order = async () => (await api.store.tx((tx) => tx.device(serial)))!.order;
  expect(await order()).toMatchObject({ kind: "sunset", isOn: true });
  expect(await run("show", serial)).toMatch(/^order {8}sunset, since .*, not answered yet$/m);
  expect(await run("sunset", serial, "--end")).toMatch(/^OrderPending/);
  await api.store.tx(async (tx) => {
    const device = (await tx.device(serial))!;
    await tx.putDevice({ ...device, isSunset: true, order: null });
  });
  expect(await run("sunset", serial, "--end")).toBe(
    "SN-0001: is called back from its next contact on\n",
  );
}, 60_000);
