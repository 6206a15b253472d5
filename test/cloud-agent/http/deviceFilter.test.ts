/** Devices found by what they are, where they are and what they run. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findDevices } from "../../../cloud-agent/findDevices.ts";
import { birthRecord, deviceRecord } from "../fixtures.ts";
import { type Harness, harness } from "./harness.ts";

let api: Harness;
beforeEach(async () => {
  api = await harness();
  await api.store.tx(async (tx) => {
    for (let n = 0; n < 1200; n++) {
      const serial = `SN-${1000 + n}`;
      const isOdd = n % 2 === 1;
      const birth = birthRecord(serial, {
        ...{ board: isOdd ? "esp32" : "puckjs", batch: n < 10 ? "B1" : "B2" },
        model: n === 1199 ? "valve-1" : "sensor-1",
      });
      const labels = { site: isOdd ? "attic" : null, group: n < 5 ? "pilot" : null };
      const more = { tags: n === 700 ? ["new", "hot"] : [], account: n === 3 ? "acme" : null };
      const running = { runningSequence: n < 3 ? 7 : 8, route: n === 9 ? "gw/roof" : "fl" };
      await tx.putDevice(deviceRecord(serial, { birth, ...labels, ...more, ...running }));
    }
  });
});
afterEach(() => api.close());

const find = async (query: string) => {
  const { body } = await api.call("GET", `/v1/devices?limit=500&${query}`, undefined, "viewer");
  return body.devices.map(({ serial }: { serial: string }) => serial);
};

describe("a filter", () => {
  it.each([
    ["batch=B1&board=esp32", ["SN-1001", "SN-1003", "SN-1005", "SN-1007", "SN-1009"]],
    ["group=pilot&site=attic", ["SN-1001", "SN-1003"]],
    ["tag=hot", ["SN-1700"]],
    ["tag=ho", []],
    ["account=acme", ["SN-1003"]],
    ["sequence=7", ["SN-1000", "SN-1001", "SN-1002"]],
    ["gateway=roof", ["SN-1009"]],
    ["model=valve-1", ["SN-2199"]],
    ["site=cellar", []],
  ])("of %s finds just those", async (query, serials) => {
    expect(await find(query)).toEqual(serials);
  });
  it("is paged without a gap or a repeat, also where a page is exactly full", async () => {
    for (const limit of [7, 100, 300, 600]) {
      const found: string[] = [];
      for (let after: string | null = ""; after !== null; ) {
        const page = await findDevices(api.store, { site: "attic", limit, after });
        expect(page.devices.length).toBeLessThanOrEqual(limit);
        found.push(...page.devices.map(({ serial }) => serial));
        after = page.next;
      }
      expect([found.length, new Set(found).size]).toEqual([600, 600]);
    }
  });
  it("that nobody knows is refused, not ignored", async () => {
    const reply = await api.call("GET", "/v1/devices?colour=red");
    expect([reply.status, reply.body.name]).toEqual([400, "RequestInvalid"]);
  });
});
