/** Confirming a release from the field and clearing poison, through the API and on the wire. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Code } from "../../../firmware/protocol/errors.ts";
import type { HostDevice } from "../../../firmware/protocol/host/hostDevice.ts";
import { SlotState } from "../../../firmware/protocol/messages.ts";
import { type DeviceBench, kinds, messageOf, openDeviceBench } from "../../support/deviceBench.ts";
import { deviceRecord } from "../fixtures.ts";
import { releaseOf } from "../rollout/fleet.ts";
import { type Harness, harness } from "./harness.ts";

const serial = "SN-0001";
const confirm = `/v1/devices/${serial}/confirm`;
const digest = "0123456789abcdef";
const poison = `/v1/devices/${serial}/poison/${digest}`;
let api: Harness;
beforeEach(async () => {
  api = await harness();
});
afterEach(() => api.close());

const put = (changes: object) =>
  api.store.tx((tx) => tx.putDevice(deviceRecord(serial, { lifecycle: 3, ...changes })));
const events = () => api.store.tx((tx) => tx.events({ limit: 100 }));
const onTrial = { slotState: SlotState.Trial, runningSequence: 7, fieldMinutesLeft: 40 };
const revert = { kind: "revert" as const, orderId: 9, toSequence: 1, createdMs: 0 };

describe("an order to confirm a release", () => {
  it.each(["operator", "installer"] as const)(
    "by an %s waits for the device, is told and logged once",
    async (role) => {
      await put(onTrial);
      const reply = await api.call("POST", confirm, {}, role);
      expect([reply.status, reply.body.fieldMinutesLeft, reply.body.order]).toEqual([
        202,
        40,
        { kind: "confirm", orderId: 0x01010101, sequence: 7, createdMs: api.clock.now },
      ]);
      await api.call("POST", confirm, { sequence: 7 }, role);
      expect(await events()).toMatchObject([
        { kind: "confirmOrdered", serial, sequence: 7, data: { person: role } },
      ]);
      expect(api.nudged).toEqual([serial, serial]);
    },
  );
  it.each(["viewer", "releaser", "approver", "line"] as const)(
    "is refused to a %s",
    async (role) => {
      await put(onTrial);
      expect((await api.call("POST", confirm, {}, role)).body.name).toBe("Forbidden");
    },
  );
  it.each([
    ["a device whose trial is over", { runningSequence: 7 }, {}, "NothingToConfirm"],
    ["another release than the one on trial", onTrial, { sequence: 6 }, "NothingToConfirm"],
    ["an unclaimed device", { ...onTrial, lifecycle: 1 }, {}, "DeviceNotOperating"],
    ["a device with another order", { ...onTrial, order: revert }, {}, "OrderPending"],
  ])("is refused for %s", async (_name, changes, body, name) => {
    await put(changes);
    const reply = await api.call("POST", confirm, body);
    expect([reply.status, reply.body.name]).toEqual([409, name]);
    expect(await events()).toEqual([]);
  });
});

describe("an order that clears poison", () => {
  it("waits for the device, is told and logged once", async () => {
    await put({ poison: ["ff".repeat(8), digest] });
    const reply = await api.call("DELETE", poison, undefined, "operator");
    expect([reply.status, reply.body.order]).toEqual([
      202,
      { kind: "clearPoison", orderId: 0x01010101, digest, createdMs: api.clock.now },
    ]);
    await api.call("DELETE", poison, undefined, "operator");
    expect(await events()).toMatchObject([
      { kind: "clearPoisonOrdered", serial, data: { digest, person: "operator" } },
    ]);
  });
  it.each(["viewer", "releaser", "approver", "installer", "line"] as const)(
    "is refused to a %s",
    async (role) => {
      await put({ poison: [digest] });
      expect((await api.call("DELETE", poison, undefined, role)).body.name).toBe("Forbidden");
    },
  );
  it("is refused for a digest that the device does not tell of", async () => {
    await put({ poison: ["ff".repeat(8)] });
    const { status, body } = await api.call("DELETE", poison);
    expect([status, body.name, body.code]).toEqual([404, "PoisonUnknown", Code.PoisonUnknown]);
    expect(body.detail).toContain(`expected one of ${"ff".repeat(8)}, got ${digest}`);
  });
});

describe("clearing the poison of a release", () => {
  const url = "/v1/releases/7/clear-poison";
  const reason = { reason: "the test bench was at fault" };
  it("is an approver's, and logged with person, reason and what it was poisoned for", async () => {
    const poisonReason = "1 of 3 devices reverted";
    await api.store.tx((tx) =>
      tx.putRelease({ ...releaseOf(), sequence: 7, poisonedMs: 5, poisonReason }),
    );
    for (const role of ["operator", "releaser", "installer"] as const)
      expect((await api.call("POST", url, reason, role)).body.name).toBe("Forbidden");
    const { status, body } = await api.call("POST", url, reason, "approver");
    expect([status, body.poisonedMs, body.poisonReason]).toEqual([200, null, null]);
    const [event, ...more] = await events();
    expect(more).toEqual([]);
    expect(event).toMatchObject({ kind: "releasePoisonCleared", sequence: 7 });
    expect(event!.data).toEqual({ person: "approver", ...reason, poisonReason });
    await api.call("POST", url, reason, "approver");
    expect(await events()).toHaveLength(1);
  });
  it("is refused without a reason, and for a release that is not there", async () => {
    expect((await api.call("POST", url, {})).body.name).toBe("RequestInvalid");
    expect((await api.call("POST", url, reason)).body.name).toBe("ReleaseNotFound");
  });
});

describe("on the wire", () => {
  let bench: DeviceBench;
  let device: HostDevice;
  const name = "PUCK-0001";
  const checkIn = () => bench.say(device, device.seal(device.checkIn()));
  beforeEach(async () => {
    bench = await openDeviceBench();
    device = await bench.device(name);
    await bench.claim(name);
    const grant = messageOf(await bench.shakeHands(device), "grant");
    await bench.say(device, device.seal(device.accept(grant)));
    await bench.shakeHands(device);
  });

  it("a confirm order is repeated until the device tells its effect", async () => {
    Object.assign(device.info, { runningSequence: 7, slotState: 1, fieldMinutesLeft: 40 });
    const order = { kind: "confirm" as const, orderId: 5, sequence: 7, createdMs: 0 };
    await bench.change(name, { order });
    expect(messageOf(await checkIn(), "confirm")).toEqual({
      ...{ kind: "confirm", orderId: 5, sequence: 7 },
    });
    device.info.fieldMinutesLeft = 39;
    expect(kinds(await checkIn())).toEqual(["reply", "confirm"]);
    const [waits, ...more] = await bench.events("fieldConfirmAwaited", name);
    expect(more).toEqual([]);
    expect(waits?.text).toBe(
      "Release 7 waits for a person in the field to confirm it; 40 minutes of its trial are left.",
    );
    expect(await bench.record(name)).toMatchObject({ fieldMinutesLeft: 39 });
    Object.assign(device.info, { slotState: 0, fieldMinutesLeft: undefined });
    expect(kinds(await checkIn())).toEqual(["reply"]);
    const [done] = await bench.events("orderDone", name);
    expect(done?.text).toBe("The device has confirmed release 7, as ordered.");
    expect(await bench.record(name)).toMatchObject({ order: null, fieldMinutesLeft: null });
  });

  it("a confirm order that comes too late is over by the device's refusal", async () => {
    const order = { kind: "confirm" as const, orderId: 5, sequence: 7, createdMs: 0 };
    await bench.change(name, { order });
    expect(kinds(await checkIn())).toEqual(["reply", "confirm"]);
    const result = { kind: "orderResult", orderId: 5, code: Code.NothingToConfirm } as const;
    await bench.say(device, device.seal(result));
    const [event] = await bench.events("orderRefused", name);
    expect(event).toMatchObject({ code: Code.NothingToConfirm });
    expect((await bench.record(name)).order).toBeNull();
  });

  it("poison is known by the device's word, and an order that clears it ends by it", async () => {
    const id = (text: string) => new Uint8Array(Buffer.from(text, "hex"));
    device.info.poison = [id("ff".repeat(8)), id(digest)];
    await checkIn();
    expect((await bench.record(name)).poison).toEqual(["ff".repeat(8), digest]);
    const order = { kind: "clearPoison" as const, orderId: 6, digest, createdMs: 0 };
    await bench.change(name, { order });
    expect(messageOf(await checkIn(), "clearPoison")).toEqual({
      ...{ kind: "clearPoison", orderId: 6, digest: id(digest) },
    });
    expect(kinds(await checkIn())).toEqual(["reply", "clearPoison"]);
    device.info.poison = [id("ff".repeat(8))];
    expect(kinds(await checkIn())).toEqual(["reply"]);
    const [done] = await bench.events("orderDone", name);
    expect(done?.text).toBe(`The device has forgotten that image ${digest} failed, as ordered.`);
    expect(await bench.record(name)).toMatchObject({ order: null, poison: ["ff".repeat(8)] });
  });

  it("a failure is told with the last lines of its log, and one that was forgiven is none", async () => {
    const failed = {
      ...{
        sequence: 7,
        digest: new Uint8Array(8).fill(7),
        code: Code.TrialCrashed,
        text: "no valve",
      },
      ...{ resetReason: 5, log: "valve 3|opening" },
    };
    device.info.failed = failed;
    await checkIn();
    const [event, ...more] = await bench.events("updateReverted", name);
    expect(more).toEqual([]);
    expect(event?.text).toBe(
      'Release 7 failed; the device runs 1. Its log ends with "valve 3|opening".',
    );
    device.info.failed = { ...failed, sequence: 0 };
    await checkIn();
    expect((await bench.record(name)).lastFailed).toBeNull();
    expect(await bench.events("updateReverted", name)).toHaveLength(1);
  });
});
