import { beforeEach, describe, expect, it } from "vitest";
import { Code } from "../../../firmware/protocol/errors.ts";
import { encodeReceipt } from "../../../firmware/protocol/host/handshake.ts";
import type { HostDevice } from "../../../firmware/protocol/host/hostDevice.ts";
import { deviceKey, sha256, t16 } from "../../../firmware/protocol/host/kdf.ts";
import { encodeReceiptBody, signReceipt } from "../../../firmware/protocol/host/receipt.ts";
import { Lifecycle, WipeMode } from "../../../firmware/protocol/messages.ts";
import {
  type DeviceBench,
  kinds,
  km,
  messageOf,
  openDeviceBench,
  receiptI,
  receiptSeed,
} from "../../support/deviceBench.ts";

let bench: DeviceBench;
let device: HostDevice;
const serial = "PUCK-0001";
beforeEach(async () => {
  bench = await openDeviceBench();
  device = await bench.device(serial);
  await bench.claim(serial);
  const grant = messageOf(await bench.shakeHands(device), "grant");
  await bench.say(device, device.seal(device.accept(grant)));
  await bench.shakeHands(device);
});

const checkIn = () => bench.say(device, device.seal(device.checkIn()));
const answer = (orderId: number, code: number) =>
  bench.say(device, device.seal({ kind: "orderResult", orderId, code }));

function receipt(order: { orderId: number; mode: number; nonce: Uint8Array }, changes = {}) {
  const { orderId, mode, nonce } = order;
  const facts = { serial, orderId, mode, nonce, epoch: 1, bootCount: 3, timeS: 0, coverage: [] };
  const body = encodeReceiptBody({ ...facts, ...changes });
  return encodeReceipt(serial, body, signReceipt(receiptI, receiptSeed, body));
}

describe("a revert order", () => {
  beforeEach(() =>
    bench.change(serial, { order: { kind: "revert", orderId: 5, toSequence: 1, createdMs: 0 } }),
  );
  it("is sent after REPLY at every contact until it is answered", async () => {
    device.info.runningSequence = 2;
    expect(kinds(await checkIn())).toEqual(["reply", "revert"]);
    expect(kinds(await checkIn())).toEqual(["reply", "revert"]);
    await answer(5, Code.Ok);
    expect(kinds(await checkIn())).toEqual(["reply"]);
    expect((await bench.events("orderDone", serial))[0]?.code).toBe(Code.Ok);
  });
  it("is over when the device refuses it, with the device's reason", async () => {
    device.info.runningSequence = 2;
    await checkIn();
    await answer(5, Code.RevertBelowFloor);
    expect(kinds(await checkIn())).toEqual(["reply"]);
    expect((await bench.events("orderRefused", serial))[0]?.code).toBe(Code.RevertBelowFloor);
  });
  it("is done by its effect when the answer was lost", async () => {
    device.info.runningSequence = 2;
    await checkIn();
    device.info.runningSequence = 1;
    expect(kinds(await checkIn())).toEqual(["reply"]);
    expect((await bench.record(serial)).order).toBeNull();
  });
  it("is not ended by the answer to another order", async () => {
    device.info.runningSequence = 2;
    await answer(6, Code.Ok);
    expect(kinds(await checkIn())).toEqual(["reply", "revert"]);
  });
});

describe("settings", () => {
  it("are sent until the device reports their revision", async () => {
    await bench.change(serial, { wantedSettings: { revision: 3, values: { period: 60 } } });
    const heard = await checkIn();
    expect(messageOf(heard, "settings")).toEqual({
      ...{ kind: "settings", revision: 3, values: { period: 60 } },
    });
    device.info.settingsRevision = 3;
    expect(kinds(await checkIn())).toEqual(["reply"]);
  });

  describe("of which the running image refused some", () => {
    beforeEach(async () => {
      await bench.change(serial, { wantedSettings: { revision: 3, values: { period: 60, a: 1 } } });
      Object.assign(device.info, { settingsRevision: 3, settingsRefused: { period: 153 } });
      expect(kinds(await checkIn())).toEqual(["reply"]);
    });
    const run = (byte: number, changes = {}) =>
      Object.assign(device.info, { runningDigest: new Uint8Array(8).fill(byte), ...changes });

    it("are offered again, all of them and once, when the device runs another image", async () => {
      run(7, { runningSequence: 7 });
      const heard = await checkIn();
      expect(messageOf(heard, "settings")).toEqual({
        ...{ kind: "settings", revision: 4, values: { period: 60, a: 1 } },
      });
      const [event] = await bench.events("settingsOfferedAgain", serial);
      expect(event).toMatchObject({ sequence: 7, data: { revision: 4, names: ["period"] } });
      Object.assign(device.info, { settingsRevision: 4 });
      expect(kinds(await checkIn())).toEqual(["reply"]);
      expect(await bench.events("settingsOfferedAgain", serial)).toHaveLength(1);
    });
    it("stay refused while the same image runs", async () => {
      expect(kinds(await checkIn())).toEqual(["reply"]);
      expect(await bench.events("settingsOfferedAgain", serial)).toEqual([]);
    });
    it("wait while the device is in recovery", async () => {
      run(0, { runningSequence: 0, slotState: 2 });
      expect(kinds(await checkIn())).toEqual(["reply"]);
    });
    it("are not raised above a wish that is newer", async () => {
      await bench.change(serial, { wantedSettings: { revision: 5, values: { period: 30 } } });
      run(7, { runningSequence: 7 });
      expect(messageOf(await checkIn(), "settings")).toMatchObject({ revision: 5 });
      expect(await bench.events("settingsOfferedAgain", serial)).toEqual([]);
    });
  });

  it("that the device took are not offered again to another image", async () => {
    await bench.change(serial, { wantedSettings: { revision: 3, values: { period: 60 } } });
    device.info.settingsRevision = 3;
    await checkIn();
    device.info.runningDigest = new Uint8Array(8).fill(7);
    expect(kinds(await checkIn())).toEqual(["reply"]);
  });
});

describe("a wipe order", () => {
  it.each([
    [WipeMode.Resale, true],
    [WipeMode.Return, true],
    [WipeMode.Scrap, false],
  ])("of mode %i carries the next key only for a device that is used again", async (mode, has) => {
    await bench.wipe(serial, mode);
    const wipe = messageOf(await checkIn(), "wipe");
    expect(wipe.nextKey).toEqual(has ? deviceKey(km, serial, 2) : null);
    const { order } = await bench.record(serial);
    if (order?.kind !== "wipe") throw new Error("no order");
    expect(wipe.ackHash).toEqual(t16(sha256(Buffer.from(order.ackToken, "hex"))));
  });
  it("stops updates at once", async () => {
    const envelope = new Uint8Array(10);
    bench.offer = { sequence: 2, envelopeBytes: envelope, envelope, payload: envelope };
    await bench.wipe(serial, WipeMode.Scrap);
    expect(messageOf(await checkIn(), "reply").offer).toBeNull();
    const fetch = { kind: "fetch", what: 1, sequence: 2, offset: 0, length: 10 } as const;
    expect(messageOf(await bench.say(device, device.seal(fetch)), "no").code).toBe(
      Code.DeviceWiping,
    );
  });
  it("is accepted by ORDER-RESULT and ended by the receipt alone", async () => {
    await bench.wipe(serial, WipeMode.Scrap);
    const wipe = messageOf(await checkIn(), "wipe");
    await answer(wipe.orderId, Code.Ok);
    expect((await bench.record(serial)).lifecycle).toBe(Lifecycle.Wiping);
    expect(await bench.events("wipeAccepted", serial)).toHaveLength(1);
    const heard = await bench.say(device, receipt(wipe));
    const token = heard[0]?.kind === "receiptAck" ? heard[0].token : new Uint8Array(0);
    expect(t16(sha256(token))).toEqual(wipe.ackHash);
    expect((await bench.record(serial)).lifecycle).toBe(Lifecycle.Retired);
  });
  it("certifies a repeated receipt once and acknowledges it every time, after a restart too", async () => {
    await bench.wipe(serial, WipeMode.Scrap);
    const bytes = receipt(messageOf(await checkIn(), "wipe"));
    expect(kinds(await bench.say(device, bytes))).toEqual(["receiptAck"]);
    bench.restartAgent();
    expect(kinds(await bench.say(device, bytes))).toEqual(["receiptAck"]);
    expect(bench.certified).toBe(1);
  });
  it("for resale leaves the record at the epoch of the key that the device was given", async () => {
    await bench.wipe(serial, WipeMode.Resale);
    const wipe = messageOf(await checkIn(), "wipe");
    await bench.say(device, receipt(wipe));
    expect((await bench.record(serial)).epoch).toBe(2);
    Object.assign(device, { epoch: 2, deviceKey: wipe.nextKey });
    device.reboot();
    expect(await bench.say(device, device.hello())).toEqual([
      { kind: "refused", code: Code.DeviceRetired, retryAfterS: 60 },
    ]);
    await bench.claim(serial);
    device.info.lifecycle = Lifecycle.Released;
    const heard = await bench.shakeHands(device);
    expect(messageOf(heard, "grant").epoch).toBe(3);
    expect(kinds(await bench.say(device, receipt(wipe)))).toEqual(["receiptAck"]);
  });
  it.each([
    ["another order", { orderId: 1 }],
    ["another nonce", { nonce: new Uint8Array(16) }],
    ["another mode", { mode: WipeMode.Return }],
    ["another device", { serial: "PUCK-0002" }],
  ])("is not ended by a signed receipt of %s", async (_name, changes) => {
    await bench.wipe(serial, WipeMode.Scrap);
    const wipe = messageOf(await checkIn(), "wipe");
    expect(await bench.give(serial, receipt(wipe, changes))).toEqual([]);
    expect((await bench.record(serial)).lifecycle).toBe(Lifecycle.Wiping);
  });
  it("is not ended by a receipt whose signature is wrong", async () => {
    await bench.wipe(serial, WipeMode.Scrap);
    const bytes = receipt(messageOf(await checkIn(), "wipe"));
    bytes[bytes.length - 1]! ^= 1;
    expect(await bench.give(serial, bytes)).toEqual([]);
    expect(bench.certified).toBe(0);
  });
  it("is all that a device with the key before gets", async () => {
    const old = await bench.device("PUCK-0003");
    await bench.change("PUCK-0003", { lifecycle: Lifecycle.Operating, epoch: 1 });
    expect(kinds(await bench.shakeHands(old))).toEqual([`refused ${Code.EpochOld}`]);
    await bench.wipe("PUCK-0003", WipeMode.Resale);
    const heard = await bench.shakeHands(old);
    expect(kinds(heard)).toEqual(["wipe"]);
    expect(messageOf(heard, "wipe").nextKey).toEqual(deviceKey(km, "PUCK-0003", 1));
    expect((await bench.record("PUCK-0003")).runningSequence).toBe(0);
  });
});

describe("a wipe ordered between COMMIT and the next handshake", () => {
  it("waits for that handshake, because the next key follows from the epoch the device is at", async () => {
    const young = await bench.device("PUCK-0004");
    await bench.claim("PUCK-0004");
    const grant = messageOf(await bench.shakeHands(young), "grant");
    await bench.say(young, young.seal(young.accept(grant)));
    await bench.wipe("PUCK-0004", WipeMode.Resale);
    expect(kinds(await bench.say(young, young.seal(young.checkIn())))).toEqual(["helloWanted"]);
    const wipe = messageOf(await bench.shakeHands(young), "wipe");
    expect(wipe.nextKey).toEqual(deviceKey(km, "PUCK-0004", 2));
  });
});

describe("a nudge", () => {
  const nudge = async () => {
    const sent: [string, Uint8Array][] = [];
    await bench.contact.nudge(serial, (route, bytes) => sent.push([route, bytes]));
    return sent;
  };
  it("sends a waiting order on the device's last route", async () => {
    await bench.give(serial, device.seal(device.checkIn()), "gw/site1");
    device.info.runningSequence = 2;
    await bench.give(serial, device.seal(device.checkIn()), "gw/site1");
    await bench.change(serial, {
      order: { kind: "revert", orderId: 5, toSequence: 1, createdMs: 0 },
    });
    const sent = await nudge();
    expect(sent.map(([route]) => route)).toEqual(["gw/site1", "gw/site1"]);
    expect(kinds(sent.map(([, bytes]) => device.hear(bytes)))).toEqual(["reply", "revert"]);
  });
  it("asks for a handshake when a claim waits, because only PROVE shows possession", async () => {
    const fresh = await bench.device("PUCK-0009");
    await bench.shakeHands(fresh);
    await bench.claim("PUCK-0009");
    const sent: Uint8Array[] = [];
    await bench.contact.nudge("PUCK-0009", (_route, bytes) => sent.push(bytes));
    expect(kinds(sent.map((bytes) => fresh.hear(bytes)))).toEqual(["helloWanted"]);
  });
  it("does nothing for an unknown or retired device", async () => {
    await bench.change(serial, { lifecycle: Lifecycle.Retired });
    expect(await nudge()).toEqual([]);
    await bench.contact.nudge("NOBODY-1", () => expect.unreachable());
  });
});
