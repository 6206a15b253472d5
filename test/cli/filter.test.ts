/** Filters and what is done to many devices, as an operator types it. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Lifecycle } from "../../firmware/protocol/messages.ts";
import { deviceRecord } from "../cloud-agent/fixtures.ts";
import { type Harness, harness } from "../cloud-agent/http/harness.ts";
import { runFor } from "../support/command.ts";

let api: Harness;
let url = "";
beforeEach(async () => {
  api = await harness();
  url ||= await api.app.listen({ port: 0, host: "127.0.0.1" });
  await api.store.tx(async (tx) => {
    for (let n = 0; n < 3; n++) {
      const lifecycle = n === 2 ? Lifecycle.Retired : Lifecycle.Operating;
      await tx.putDevice(deviceRecord(`SN-000${n}`, { lifecycle, runningSequence: n + 5 }));
    }
  });
});
afterEach(() => api.close());

async function run(...words: string[]): Promise<string> {
  const { code, out, error } = await runFor(url, words);
  return code === 0 ? out : `${out}${error}exit ${code}`;
}

describe("fleetling filter", () => {
  it("previews, saves, lists and deletes; device list takes the name", async () => {
    expect(await run("filter", "preview", "release >= 6", "--sample", "1")).toBe(
      "2 devices\nserial   state      release  board   site\nSN-0001  operating  6        puckjs  -\n",
    );
    const note = ["--note", "before the fix"];
    expect(await run("filter", "save", "old", "--where", "release < 6", ...note)).toBe(
      "old  revision 1, by admin\n  release < 6\n  before the fix\n",
    );
    expect(await run("filter", "list")).toBe(
      "filter  revision  by     where\nold     1         admin  release < 6\n",
    );
    const listed = JSON.parse(await run("device", "list", "--filter", "old", "--json"));
    expect(listed.devices.map((one: { serial: string }) => one.serial)).toEqual(["SN-0000"]);
    expect(await run("filter", "delete", "old")).toBe("filter old is deleted\n");
    expect(await run("filter", "preview", "relase < 6")).toBe(
      'FilterInvalid: filter, column 1: unknown field "relase"; did you mean "release"?. ' +
        "Correct the column that the detail names; fleetling filter fields lists all fields.\nexit 1",
    );
    expect(await run("filter", "fields")).toMatch(/\nbattery +the same as batteryMv\n/);
  }, 120_000);
  it("tags and sets many at once, after a count, and lists who refused", async () => {
    const tag = [
      "device",
      "tag",
      "--filter",
      "model = sensor-1",
      "--add",
      "hot",
      "--site",
      "attic",
    ];
    expect(await run(...tag)).toBe(
      "3 devices: SN-0000, SN-0001, SN-0002\nNothing was done; add --yes.\n",
    );
    expect(await run(...tag, "--yes")).toBe("3 devices are labelled\n");
    expect(await run("device", "tag", "SN-0000", "--remove", "hot", "--site", "none")).toBe(
      "SN-0000 is labelled\n",
    );
    const { tags, site } = (await api.call("GET", "/v1/devices/SN-0000")).body;
    expect([tags, site]).toEqual([[], null]);
    const set = ["device", "settings", "SN-0000", "SN-0002", "--set", "everyS=600", "led=true"];
    expect(await run(...set)).toMatch(
      /^1 devices are told at the next contact\nrefused +why +detail\nSN-0002 +DeviceRetired .*\nexit 1$/,
    );
    const { wantedSettings } = (await api.call("GET", "/v1/devices/SN-0000")).body;
    expect(wantedSettings.values).toEqual({ everyS: 600, led: true });
    expect(await run("device", "tag", "--add", "x")).toMatch(
      /expected one of the two, got neither/,
    );
    expect(await run("device", "tag", "SN-0000")).toMatch(/^FLAG_INVALID: --add, --remove/);
  }, 120_000);
});
