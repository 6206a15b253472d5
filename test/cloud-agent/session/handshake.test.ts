import { beforeEach, describe, expect, it } from "vitest";
import { Code } from "../../../firmware/protocol/errors.ts";
import { encodeDeviceMessage } from "../../../firmware/protocol/host/deviceMessages.ts";
import { sealFrame, sessionKeys } from "../../../firmware/protocol/host/frames.ts";
import {
  decodeProve,
  decodeRefused,
  encodeChalBody,
  encodeHello,
  encodeProve,
  openChal,
} from "../../../firmware/protocol/host/handshake.ts";
import type { HostDevice } from "../../../firmware/protocol/host/hostDevice.ts";
import { Lifecycle, Suite } from "../../../firmware/protocol/messages.ts";
import { type DeviceBench, kinds, openDeviceBench, startMs } from "../../support/deviceBench.ts";

let bench: DeviceBench;
let device: HostDevice;
const serial = "PUCK-0001";
beforeEach(async () => {
  bench = await openDeviceBench();
  device = await bench.device(serial);
});

/** HELLO and CHAL. @returns PROVE, not sent yet */
async function proveOf(from: HostDevice): Promise<Uint8Array> {
  const heard = await bench.say(from, from.hello());
  if (heard[0]?.kind !== "challenge") throw new Error(`no challenge: ${kinds(heard)}`);
  return heard[0].prove;
}

/** PROVE for any challenge, as a device that answers both of two would make it. */
function proveFor(hello: Uint8Array, chal: Uint8Array): Uint8Array {
  const { chalBody } = openChal(device.deviceKey, hello, chal);
  const keys = sessionKeys(device.deviceKey, Suite.AesCtr, hello, chalBody);
  const frame = sealFrame(keys, "up", 0, encodeDeviceMessage(device.checkIn()));
  return encodeProve(device.deviceKey, { hello, chalBody, pop: null, frame });
}

describe("an accepted handshake", () => {
  it.each([Suite.HmacCtr, Suite.AesCtr])("opens a session in suite %i", async (suite) => {
    const own = await bench.device("SUITE-0001", { suite });
    expect(kinds(await bench.shakeHands(own))).toEqual(["reply"]);
    const record = await bench.record("SUITE-0001");
    expect(record.lastSeenMs).toBe(startMs);
    expect(record.runningSequence).toBe(1);
  });
  it("gives the device the agent's time and check-in interval", async () => {
    const heard = await bench.shakeHands(device);
    expect(heard).toEqual([
      {
        kind: "message",
        counter: 0,
        message: { kind: "reply", timeS: startMs / 1000, checkInS: 300, offer: null },
      },
    ]);
  });
  it("leaves no trace at HELLO alone", async () => {
    const before = await bench.record(serial);
    await bench.give(serial, device.hello());
    expect(await bench.record(serial)).toEqual(before);
    expect(await bench.events("messageRefused")).toEqual([]);
  });
  it("goes on when the agent was replaced between CHAL and PROVE", async () => {
    const prove = await proveOf(device);
    bench.restartAgent();
    expect(kinds(await bench.say(device, prove))).toEqual(["reply"]);
  });
  it("answers the same PROVE again without counting it as a contact", async () => {
    device.vitals = { batteryMv: [2900, 3000, 2950] };
    const prove = await proveOf(device);
    await bench.say(device, prove);
    bench.nowMs += 5_000;
    expect(kinds(await bench.say(device, prove))).toEqual(["reply"]);
    expect((await bench.record(serial)).lastSeenMs).toBe(startMs);
    const rows = await bench.ports.store.tx((tx) => tx.vitals({ serial, limit: 10 }));
    expect(rows).toHaveLength(1);
  });
  it("never uses a send counter twice, also not for a repeated PROVE", async () => {
    const prove = await proveOf(device);
    const first = await bench.give(serial, prove);
    const second = await bench.give(serial, prove);
    expect(first[0]!.slice(5, 9)).toEqual(Uint8Array.of(0, 0, 0, 0));
    expect(second[0]!.slice(5, 9)).toEqual(Uint8Array.of(0, 0, 0, 1));
  });
});

describe("a refused handshake", () => {
  it("tells an unknown device to come back later", async () => {
    const stranger = await bench.device("NOBODY-1", { isBorn: false });
    expect(await bench.say(stranger, stranger.hello())).toEqual([
      { kind: "refused", code: Code.UnknownDevice, retryAfterS: 300 },
    ]);
  });
  it("refuses a PROVE by a wrong key and opens no session", async () => {
    const prove = await proveOf(device);
    prove[prove.length - 1]! ^= 1;
    expect(kinds(await bench.say(device, prove))).toEqual([`refused ${Code.HandshakeMac}`]);
    expect(await bench.ports.store.tx((tx) => tx.session(serial))).toBeNull();
    expect((await bench.events("messageRefused"))[0]?.code).toBe(Code.HandshakeMac);
  });
  it("refuses a PROVE recorded before the newest one", async () => {
    const old = await proveOf(device);
    await bench.say(device, old);
    await bench.shakeHands(device);
    expect(kinds(await bench.say(device, old))).toEqual([`refused ${Code.HandshakeReplayed}`]);
    expect(kinds(await bench.say(device, device.seal(device.checkIn())))).toEqual(["reply"]);
  });
  it("refuses a PROVE that was recorded before the agent was restored from a backup", async () => {
    const recorded = await proveOf(device);
    bench.ports.config.challengesSinceS = startMs / 1000 + 1;
    bench.nowMs += 1_000;
    expect(kinds(await bench.say(device, recorded))).toEqual([`refused ${Code.ChallengeExpired}`]);
    expect(kinds(await bench.shakeHands(device))).toEqual(["reply"]);
  });
  it("refuses a PROVE whose boot count went back", async () => {
    device.reboot();
    await bench.shakeHands(device);
    device.bootCount = 1;
    const prove = await proveOf(device);
    expect(kinds(await bench.say(device, prove))).toEqual([`refused ${Code.HandshakeReplayed}`]);
  });
  it("does not play two answers to one HELLO in turn, which would start counters over", async () => {
    const hello = device.hello();
    const [early] = await bench.give(serial, hello);
    bench.nowMs += 1_000;
    const [late] = await bench.give(serial, hello);
    const earlyProve = proveFor(hello, early!);
    const lateProve = proveFor(hello, late!);
    expect(await bench.give(serial, earlyProve)).toHaveLength(1);
    expect((await bench.give(serial, lateProve))[0]![0]).toBe(7);
    const again = await bench.give(serial, earlyProve);
    expect(decodeRefused(again[0]!).code).toBe(Code.HandshakeReplayed);
  });
  it("refuses a PROVE three minutes after its challenge", async () => {
    const prove = await proveOf(device);
    bench.nowMs += 180_000;
    expect(kinds(await bench.say(device, prove))).toEqual([`refused ${Code.ChallengeExpired}`]);
  });
  it("accepts a PROVE two minutes after its challenge", async () => {
    const prove = await proveOf(device);
    bench.nowMs += 119_000;
    expect(kinds(await bench.say(device, prove))).toEqual(["reply"]);
  });
  it("accepts a PROVE fourteen minutes after its challenge from a board without native hashes, and none after fifteen", async () => {
    await bench.ports.store.tx(async (tx) => {
      const known = (await tx.device(serial))!;
      await tx.putDevice({ ...known, birth: { ...known.birth, board: "microbit2" } });
    });
    const late = await proveOf(device);
    bench.nowMs += 839_000;
    expect(kinds(await bench.say(device, late))).toEqual(["reply"]);
    const tooLate = await proveOf(device);
    bench.nowMs += 900_000;
    expect(kinds(await bench.say(device, tooLate))).toEqual([`refused ${Code.ChallengeExpired}`]);
  });
  it("refuses a challenge that this agent did not give", async () => {
    const hello = device.hello();
    const nc = new Uint8Array(16);
    const chalBody = encodeChalBody({ nc, timeS: startMs / 1000, state: 1 });
    const prove = encodeProve(device.deviceKey, {
      ...{ hello, chalBody, pop: null, frame: new Uint8Array(25) },
    });
    expect(kinds(await bench.say(device, prove))).toEqual([`refused ${Code.ChallengeExpired}`]);
  });
  it("refuses a PROVE whose suite was lowered on the way", async () => {
    const prove = decodeProve(await proveOf(device));
    prove.hello[3] = Suite.HmacCtr;
    const bytes = encodeProve(device.deviceKey, prove);
    expect(prove.hello[3]).toBe(1);
    // Even the device's own key does not help: keys and MACs are over the HELLO that was sent.
    expect(kinds(await bench.say(device, bytes))).toEqual([`refused ${Code.FrameMac}`]);
  });
  it("does not let a device believe a challenge whose HELLO had its suite lowered", async () => {
    const hello = device.hello().slice();
    hello[3] = Suite.HmacCtr;
    const [chal] = await bench.give(serial, hello);
    expect(() => device.hear(chal!)).toThrow("tag is not by this device's key");
  });
  it("lets the device refuse a time below its floor", async () => {
    device.timeFloorS = startMs / 1000 + 1;
    expect(kinds(await bench.say(device, device.hello()))).toEqual([
      `ignored ${Code.TimeBelowFloor}`,
    ]);
  });
  it("refuses a retired device at HELLO and says to wait a day", async () => {
    await bench.change(serial, { lifecycle: Lifecycle.Retired });
    expect(await bench.say(device, device.hello())).toEqual([
      { kind: "refused", code: Code.DeviceRetired, retryAfterS: 86_400 },
    ]);
    expect((await bench.record(serial)).zombieContacts).toBe(0);
  });
  it("counts a retired device that proves itself", async () => {
    const prove = await proveOf(device);
    await bench.change(serial, { lifecycle: Lifecycle.Retired });
    expect(kinds(await bench.say(device, prove))).toEqual([`refused ${Code.DeviceRetired}`]);
    expect((await bench.record(serial)).zombieContacts).toBe(1);
  });
  it.each([
    ["older", 0, 1, Code.EpochOld],
    ["newer", 2, 1, Code.EpochAhead],
  ])("refuses a key epoch that is %s than the device's", async (_name, epoch, own, code) => {
    await bench.change(serial, { lifecycle: Lifecycle.Operating, epoch: own });
    device.epoch = epoch;
    expect(kinds(await bench.say(device, device.hello()))).toEqual([`refused ${code}`]);
  });
  it("refuses another device's HELLO on a device's topic", async () => {
    const other = await bench.device("PUCK-0002");
    expect(await bench.give(serial, other.hello())).toEqual([]);
  });
  it.each([
    ["empty", new Uint8Array(0)],
    ["no CBOR", Uint8Array.of(0xff, 1, 2)],
    ["an unknown message", Uint8Array.of(0x81, 0x17)],
    ["a truncated frame", Uint8Array.of(7, 1, 2, 3)],
    ["too long", new Uint8Array(5000).fill(0x80)],
  ])("gives no answer to bytes that are %s", async (_name, bytes) => {
    expect(await bench.give(serial, bytes)).toEqual([]);
  });
  it("survives a HELLO cut at any byte", async () => {
    const hello = encodeHello({
      ...{ version: 1, suite: 2, serial, epoch: 0, nd: new Uint8Array(16) },
      ...{ fw: new Uint8Array(8), bootCount: 1, handshakeCount: 1, kmId: 1 },
    });
    for (let length = 0; length < hello.length; length++) {
      bench.nowMs += 10_000;
      expect(await bench.give(serial, hello.slice(0, length))).toEqual([]);
    }
  });
  it("answers at most a burst of unauthenticated messages of one device", async () => {
    let answers = 0;
    for (let i = 0; i < 60; i++) answers += (await bench.give(serial, device.hello())).length;
    expect(answers).toBe(20);
    const other = await bench.device("PUCK-0002");
    expect(kinds(await bench.shakeHands(other))).toEqual(["reply"]);
  });
});
