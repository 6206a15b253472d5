/** Sunset through the API and on the wire: one device, or all claimed ones of a model. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Code } from "../../../firmware/protocol/errors.ts";
import type { HostDevice } from "../../../firmware/protocol/host/hostDevice.ts";
import { type DeviceBench, kinds, messageOf, openDeviceBench } from "../../support/deviceBench.ts";
import { birthRecord, deviceRecord } from "../fixtures.ts";
import { type Harness, harness } from "./harness.ts";

const serial = "SN-0001";
const url = `/v1/devices/${serial}/sunset`;
let api: Harness;
beforeEach(async () => {
  api = await harness();
});
afterEach(() => api.close());

const put = (name: string, changes: object) =>
  api.store.tx((tx) => tx.putDevice(deviceRecord(name, { lifecycle: 3, ...changes })));
const stored = (name: string) => api.store.tx((tx) => tx.device(name));
const events = () => api.store.tx((tx) => tx.events({ limit: 100 }));
const revert = { kind: "revert" as const, orderId: 9, toSequence: 1, createdMs: 0 };

describe("a sunset order", () => {
  it("waits for the device, is told and logged once, however often it is given", async () => {
    await put(serial, {});
    const reply = await api.call("POST", url, undefined, "operator");
    expect([reply.status, reply.body.order, reply.body.isSunset]).toEqual([
      202,
      { kind: "sunset", orderId: 0x01010101, isOn: true, createdMs: api.clock.now },
      false,
    ]);
    await api.call("POST", url, undefined, "operator");
    expect(await events()).toMatchObject([
      { kind: "sunsetOrdered", serial, data: { orderId: 0x01010101, person: "operator" } },
    ]);
    expect(api.nudged).toEqual([serial, serial]);
  });

  it("ends by DELETE, and changes nothing on a device that never had one", async () => {
    await put(serial, {});
    expect((await api.call("DELETE", url, undefined, "operator")).body.order).toBeNull();
    await put(serial, { isSunset: true });
    const { body } = await api.call("DELETE", url, undefined, "operator");
    expect([body.order.isOn, body.isSunset]).toEqual([false, true]);
    expect((await events()).map(({ kind }) => kind)).toEqual(["sunsetEndOrdered"]);
  });

  it.each(["viewer", "releaser", "approver", "installer", "line"] as const)(
    "is refused to a %s",
    async (role) => {
      await put(serial, {});
      expect((await api.call("POST", url, undefined, role)).body.name).toBe("Forbidden");
      const all = await api.call("POST", "/v1/products/sensor-1/sunset", undefined, role);
      expect(all.body.name).toBe("Forbidden");
      expect((await stored(serial))?.order).toBeNull();
    },
  );

  it.each([
    ["an unclaimed device", { lifecycle: 1 }, "DeviceNotOperating"],
    ["a device that is wiped", { lifecycle: 5 }, "DeviceWiping"],
    ["a device with another order", { order: revert }, "OrderPending"],
    [
      "a device that is to come back",
      { isSunset: true, order: { kind: "sunset", orderId: 3, isOn: false, createdMs: 0 } },
      "OrderPending",
    ],
  ])("is refused for %s", async (_name, changes, name) => {
    await put(serial, changes);
    expect((await api.call("POST", url)).body.name).toBe(name);
    expect(await events()).toEqual([]);
  });

  it("is refused for an unknown device", async () => {
    expect((await api.call("POST", "/v1/devices/NOBODY-1/sunset")).body.name).toBe("UnknownDevice");
  });
});

it("a sunset of a model reaches its claimed devices over all pages, and names those that cannot take it yet", async () => {
  for (let n = 0; n < 502; n++) await put(`SN-${1000 + n}`, {});
  await put("SN-2000", { lifecycle: 1 });
  await put("SN-2001", { order: revert });
  await put("SN-2002", { isSunset: true });
  await put("SN-2003", { birth: birthRecord("SN-2003", { model: "lamp" }) });
  const model = "/v1/products/sensor-1/sunset";
  const first = await api.call("POST", model, undefined, "operator");
  expect([first.status, first.body]).toEqual([
    202,
    { model: "sensor-1", ordered: 502, unchanged: 1, pending: ["SN-2001"] },
  ]);
  expect(api.nudged).toHaveLength(502);
  expect((await stored("SN-1501"))?.order).toMatchObject({ kind: "sunset", isOn: true });
  for (const other of ["SN-2000", "SN-2002", "SN-2003"])
    expect((await stored(other))?.order).toBeNull();
  const again = await api.call("POST", model, undefined, "operator");
  expect(again.body).toMatchObject({ ordered: 0, unchanged: 503 });
  const back = await api.call("DELETE", model, undefined, "operator");
  expect(back.body).toMatchObject({ ordered: 1, unchanged: 0 });
  expect(back.body.pending).toHaveLength(503);
});

describe("on the wire a sunset order", () => {
  let bench: DeviceBench;
  let device: HostDevice;
  const name = "PUCK-0001";
  const order = (isOn: boolean) => ({ kind: "sunset" as const, orderId: 5, isOn, createdMs: 0 });
  const checkIn = () => bench.say(device, device.seal(device.checkIn()));
  beforeEach(async () => {
    bench = await openDeviceBench();
    device = await bench.device(name);
    await bench.claim(name);
    const grant = messageOf(await bench.shakeHands(device), "grant");
    await bench.say(device, device.seal(device.accept(grant)));
    await bench.shakeHands(device);
    await bench.change(name, { order: order(true) });
  });

  it("is repeated until it is answered, and becomes a fact by the device's word alone", async () => {
    expect(messageOf(await checkIn(), "sunset")).toEqual({
      kind: "sunset",
      orderId: 5,
      isOn: true,
    });
    expect(kinds(await checkIn())).toEqual(["reply", "sunset"]);
    await bench.say(device, device.seal({ kind: "orderResult", orderId: 5, code: Code.Ok }));
    expect(await bench.record(name)).toMatchObject({ order: null, isSunset: false });
    Object.assign(device.info, { isSunset: true, nextCheckInS: 86_400 });
    expect(kinds(await checkIn())).toEqual(["reply"]);
    expect(await bench.record(name)).toMatchObject({ isSunset: true, nextCheckInS: 86_400 });
  });
  it("is done by its effect when the answer was lost", async () => {
    await checkIn();
    device.info.isSunset = true;
    expect(kinds(await checkIn())).toEqual(["reply"]);
    const [event] = await bench.events("orderDone", name);
    expect(event?.text).toBe("The device goes on alone, as ordered, and checks in once a day.");
    await bench.change(name, { order: order(false) });
    expect(kinds(await checkIn())).toEqual(["reply", "sunset"]);
    device.info.isSunset = false;
    expect(kinds(await checkIn())).toEqual(["reply"]);
  });
  it("is neither done nor forgotten while the device is in recovery, which does not tell it", async () => {
    await bench.change(name, { order: order(false), isSunset: true });
    Object.assign(device.info, { slotState: 2, isSunset: false });
    expect(kinds(await checkIn())).toEqual(["reply", "sunset"]);
    expect(await bench.record(name)).toMatchObject({ order: { isOn: false }, isSunset: true });
  });
});
