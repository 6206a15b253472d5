/** Maintenance with an end: nothing is offered, nothing alerts, and it ends by itself. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { offlineFinding } from "../../../cloud-agent/core/alerts/findings/devices.ts";
import { factsOf } from "../../../cloud-agent/core/rollout/facts.ts";
import { createMaintenanceWatch } from "../../../cloud-agent/maintenanceWatch.ts";
import { createOffers } from "../../../cloud-agent/offers.ts";
import { Lifecycle } from "../../../firmware/protocol/messages.ts";
import { deviceRecord } from "../fixtures.ts";
import { type Harness, harness, problem } from "./harness.ts";

const serial = "SN-0001";
let api: Harness;
beforeEach(async () => {
  api = await harness();
  await api.store.tx((tx) =>
    tx.putDevice(deviceRecord(serial, { lifecycle: Lifecycle.Operating })),
  );
});
afterEach(() => api.close());

const begin = (body: unknown = { forS: 3600, reason: "new cell" }) =>
  api.call("PUT", `/v1/devices/${serial}/maintenance`, body, "installer");
const end = () => api.call("DELETE", `/v1/devices/${serial}/maintenance`, undefined, "installer");
const record = async () => (await api.store.tx((tx) => tx.device(serial)))!;
const turn = () => {
  const note = (fields: unknown) => void api.logged.push(fields);
  return createMaintenanceWatch({
    ...{ store: api.store, steadyMs: () => api.clock.now },
    clock: { nowMs: () => api.clock.now },
    log: { debug: note, info: note, warn: note, error: note },
    nudge: (one) => void api.nudged.push(one),
  }).turn();
};

describe("maintenance", () => {
  it("is shown with its end, holds offers and alerts, and another one moves the end", async () => {
    const begun = await begin();
    const { now } = api.clock;
    expect(begun.body).toMatchObject({
      lifecycleName: "maintenance",
      maintenance: {
        ...{ reason: "new cell", person: "installer", sinceMs: now, untilMs: now + 3600_000 },
      },
    });
    const device = await record();
    expect(factsOf(device).maintenance).toBe(true);
    const offers = createOffers({ clock: { nowMs: () => now }, lab: api.lab });
    expect(await api.store.tx((tx) => offers.offerFor(tx, device))).toBeNull();
    const times = { heardMs: 0, promisedMs: 1000, dueMs: 0, sinceMs: 0 };
    const away = { ...device, presence: { ...times, isOffline: true } };
    expect(offlineFinding(away)).toBeNull();
    expect(offlineFinding({ ...away, lifecycle: Lifecycle.Operating })).not.toBeNull();
    api.clock.now += 1800_000;
    const again = await begin({ forS: 7200, reason: "and a new case" });
    expect(again.body.maintenance).toMatchObject({ sinceMs: now, untilMs: now + 9000_000 });
    api.clock.now = now + 8999_999;
    await turn();
    expect((await record()).lifecycle).toBe(Lifecycle.Maintenance);
  });
  it("ends by itself at its time, over restarts, and what was held back is told to go", async () => {
    await begin();
    api.clock.now += 3600_000;
    await turn();
    expect(await record()).toMatchObject({ lifecycle: Lifecycle.Operating, maintenance: null });
    expect(api.nudged).toEqual([serial]);
    await turn();
    const { body } = await api.call("GET", `/v1/devices/${serial}/events`);
    expect(body.events.map((one: { text: string }) => one.text)).toEqual([
      "installer works on SN-0001 until 2027-01-15T09:00:00Z: new cell.",
      "The maintenance of SN-0001 ended at its time.",
    ]);
  });
  it("is ended by hand, once", async () => {
    await begin();
    expect((await end()).body.lifecycleName).toBe("operating");
    const detail = "device SN-0001: expected it to be under maintenance, it is not";
    expect((await end()).body).toEqual(
      problem(694, "NotInMaintenance", 409, detail, expect.any(String)),
    );
  });
  it("leaves a device alone that was decommissioned meanwhile", async () => {
    await begin();
    const body = { mode: "resale", person: "ann" };
    await api.call("POST", `/v1/devices/${serial}/decommission`, body);
    api.clock.now += 3600_000;
    await turn();
    expect(await record()).toMatchObject({ lifecycle: Lifecycle.Wiping, maintenance: null });
  });
  it.each([
    ["a device that nobody has claimed", Lifecycle.Released, 409],
    ["a retired device", Lifecycle.Retired, 409],
  ])("of %s is refused", async (_, lifecycle, status) => {
    await api.store.tx((tx) => tx.putDevice(deviceRecord(serial, { lifecycle })));
    expect((await begin()).status).toBe(status);
  });
  it("needs an end and a reason", async () => {
    for (const body of [{ reason: "x" }, { forS: 3600 }, { forS: 91 * 86_400, reason: "x" }]) {
      expect((await begin(body)).status).toBe(400);
    }
    expect((await record()).lifecycle).toBe(Lifecycle.Operating);
  });
  it("that cannot be ended is told in the log, and ended in the next turn", async () => {
    await begin();
    api.clock.now += 3600_000;
    const { tx } = api.store;
    api.store.tx = () => Promise.reject(new Error("disk full"));
    await turn();
    api.store.tx = tx;
    expect(api.logged).toHaveLength(1);
    await turn();
    expect((await record()).lifecycle).toBe(Lifecycle.Operating);
  });
});
