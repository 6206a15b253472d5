import { beforeEach, describe, expect, it } from "vitest";
import { Code } from "../../../firmware/protocol/errors.ts";
import type { Heard, HostDevice } from "../../../firmware/protocol/host/hostDevice.ts";
import { deviceKey, ownerKey, popKey } from "../../../firmware/protocol/host/kdf.ts";
import { Lifecycle } from "../../../firmware/protocol/messages.ts";
import {
  type DeviceBench,
  kinds,
  km,
  messageOf,
  openDeviceBench,
} from "../../support/deviceBench.ts";

let bench: DeviceBench;
let device: HostDevice;
const serial = "PUCK-0001";
beforeEach(async () => {
  bench = await openDeviceBench();
  device = await bench.device(serial);
});

const commit = (heard: Heard[]) =>
  bench.say(device, device.seal(device.accept(messageOf(heard, "grant"))));

describe("a claim", () => {
  it("replaces the device's key and ends in one event", async () => {
    await bench.claim(serial);
    const heard = await bench.shakeHands(device);
    expect(kinds(heard)).toEqual(["reply", "grant"]);
    const grant = messageOf(heard, "grant");
    expect(grant.epoch).toBe(1);
    expect(grant.deviceKey).toEqual(deviceKey(km, serial, 1));
    expect(grant.ownerKey).toEqual(ownerKey(km, serial, 1));
    expect(kinds(await commit(heard))).toEqual(["ack"]);
    const record = await bench.record(serial);
    expect(record).toMatchObject({
      ...{ lifecycle: Lifecycle.Operating, epoch: 1, account: "acme" },
      ...{ grantPending: false, claimPopKey: null, claimIntentUntilMs: null },
    });
    expect(await bench.events("claimCommitted", serial)).toHaveLength(1);
    device.info.lifecycle = Lifecycle.Operating;
    expect(kinds(await bench.shakeHands(device))).toEqual(["reply"]);
  });
  it("goes on when the agent is replaced before every message", async () => {
    bench.restartAgent();
    await bench.claim(serial);
    bench.restartAgent();
    const challenge = await bench.say(device, device.hello());
    bench.restartAgent();
    if (challenge[0]?.kind !== "challenge") throw new Error("no challenge");
    const heard = await bench.say(device, challenge[0].prove);
    bench.restartAgent();
    expect(kinds(await commit(heard))).toEqual(["ack"]);
    bench.restartAgent();
    expect(kinds(await bench.say(device, device.seal(device.checkIn())))).toEqual(["reply"]);
  });
  it("a device in mid-session is asked to shake hands while its claim waits", async () => {
    expect(kinds(await bench.shakeHands(device))).toEqual(["reply"]);
    await bench.claim(serial);
    const heard = await bench.say(device, device.seal(device.checkIn()));
    expect(kinds(heard)).toEqual(["reply", "helloWanted"]);
    expect(kinds(await bench.shakeHands(device))).toEqual(["reply", "grant"]);
    bench.nowMs += 60_000;
    const after = await bench.say(device, device.seal(device.checkIn()));
    expect(kinds(after)).toEqual(["reply", "grant"]);
  });
  it("an expired claim asks nobody to shake hands any more", async () => {
    await bench.shakeHands(device);
    await bench.claim(serial);
    bench.nowMs += 15 * 60_000;
    expect(kinds(await bench.say(device, device.seal(device.checkIn())))).toEqual(["reply"]);
  });
  it("gives the same grant at every contact until COMMIT, in the session and after a restart", async () => {
    await bench.claim(serial);
    const first = messageOf(await bench.shakeHands(device), "grant");
    expect(messageOf(await bench.say(device, device.seal(device.checkIn())), "grant")).toEqual(
      first,
    );
    bench.restartAgent();
    device.reboot();
    expect(messageOf(await bench.shakeHands(device), "grant")).toEqual(first);
  });
  it("goes on giving the grant after the intent expired, because possession was proven in time", async () => {
    await bench.claim(serial);
    await bench.shakeHands(device);
    bench.nowMs += 16 * 60_000;
    const heard = await bench.shakeHands(device);
    expect(kinds(heard)).toEqual(["reply", "grant"]);
    expect(kinds(await commit(heard))).toEqual(["ack"]);
  });
  it("acknowledges a repeated COMMIT and records it once", async () => {
    await bench.claim(serial);
    const heard = await bench.shakeHands(device);
    expect(kinds(await commit(heard))).toEqual(["ack"]);
    expect(kinds(await bench.say(device, device.seal(device.commit())))).toEqual(["ack"]);
    expect(await bench.events("claimCommitted", serial)).toHaveLength(1);
  });
  it("takes a PROVE under the new key as COMMIT when the COMMIT was lost", async () => {
    await bench.claim(serial);
    device.accept(messageOf(await bench.shakeHands(device), "grant"));
    device.reboot();
    expect(kinds(await bench.shakeHands(device))).toEqual(["reply", "ack"]);
    expect(await bench.record(serial)).toMatchObject({ epoch: 1, lifecycle: 3 });
    expect(await bench.events("claimCommitted", serial)).toHaveLength(1);
  });
  it("repeats a lost ACK to a device that still calls itself unclaimed", async () => {
    await bench.claim(serial);
    const heard = await bench.shakeHands(device);
    device.accept(messageOf(heard, "grant"));
    await bench.give(serial, device.seal(device.commit()));
    device.reboot();
    device.info.lifecycle = Lifecycle.Released;
    expect(kinds(await bench.shakeHands(device))).toEqual(["reply", "ack"]);
  });
  it("refuses the old key once the new one is in use", async () => {
    await bench.claim(serial);
    const { deviceKey: oldKey } = device;
    await commit(await bench.shakeHands(device));
    Object.assign(device, { epoch: 0, deviceKey: oldKey });
    expect(kinds(await bench.shakeHands(device))).toEqual([`refused ${Code.EpochOld}`]);
  });
  it("serves no update before it", async () => {
    bench.offer = { sequence: 2, envelopeBytes: new Uint8Array(9), ...image() };
    expect(messageOf(await bench.shakeHands(device), "reply").offer).toBeNull();
    const fetch = { kind: "fetch", what: 1, sequence: 2, offset: 0, length: 10 } as const;
    expect(messageOf(await bench.say(device, device.seal(fetch)), "no").code).toBe(
      Code.ReleaseNotFound,
    );
  });
});

describe("a claim that is refused", () => {
  it("gives nothing to a device with another label", async () => {
    device.options.popKey = popKey("0000000000000000");
    await bench.claim(serial);
    expect(kinds(await bench.shakeHands(device))).toEqual(["reply"]);
    expect((await bench.events("claimRefused", serial))[0]?.code).toBe(Code.PossessionProofWrong);
  });
  it("gives nothing to a device without a proof", async () => {
    device.options.popKey = null;
    await bench.claim(serial);
    expect(kinds(await bench.shakeHands(device))).toEqual(["reply", "helloWanted"]);
  });
  it("gives nothing while nobody asked for the device", async () => {
    expect(kinds(await bench.shakeHands(device))).toEqual(["reply"]);
  });
  it("gives nothing once the intent expired", async () => {
    await bench.claim(serial);
    bench.nowMs += 15 * 60_000;
    expect(kinds(await bench.shakeHands(device))).toEqual(["reply"]);
    expect((await bench.events("claimRefused", serial))[0]?.code).toBe(Code.ClaimIntentExpired);
  });
  it("does not take a COMMIT by a key that it did not give", async () => {
    await bench.claim(serial);
    device.accept(messageOf(await bench.shakeHands(device), "grant"));
    const wrong = { ...device.commit(), mac: new Uint8Array(16) } as ReturnType<
      typeof device.commit
    >;
    expect(await bench.give(serial, device.seal(wrong))).toEqual([]);
    expect((await bench.record(serial)).epoch).toBe(0);
    expect((await bench.events("claimRefused", serial))[0]?.code).toBe(Code.GrantWrong);
  });
});

function image() {
  return { envelope: new Uint8Array(9), payload: new Uint8Array(100) };
}

describe("a claim after the master key was changed", () => {
  const nextKm = new Uint8Array(32).fill(0x77);
  beforeEach(() => {
    const { keys } = bench.ports;
    const first = keys.km;
    keys.km = (id) => (id === 2 ? nextKm : first(id));
    keys.activeId = 2;
  });
  it("gives the device a key of the new one, and the device stays with it", async () => {
    await bench.claim(serial);
    const heard = await bench.shakeHands(device);
    expect(messageOf(heard, "grant").deviceKey).toEqual(deviceKey(nextKm, serial, 1));
    expect(messageOf(heard, "grant").ownerKey).toEqual(ownerKey(nextKm, serial, 1));
    expect(kinds(await commit(heard))).toEqual(["ack"]);
    expect((await bench.record(serial)).epochKmIds).toEqual({ 1: 2 });
    expect(kinds(await bench.shakeHands(device))).toEqual(["reply"]);
  });
  it("keeps the GRANT that a device may already hold when the master key changes again", async () => {
    await bench.claim(serial);
    await bench.shakeHands(device);
    bench.ports.keys.activeId = 1;
    const again = await bench.shakeHands(device);
    expect(messageOf(again, "grant").deviceKey).toEqual(deviceKey(nextKm, serial, 1));
  });
  it("is answered with a wait, not with a wrong key, by an agent that does not hold the device's", async () => {
    await bench.claim(serial);
    await commit(await bench.shakeHands(device));
    const { keys } = bench.ports;
    const both = keys.km;
    keys.km = (id) => (id === 2 ? null : both(id));
    expect(kinds(await bench.say(device, device.hello()))).toEqual(["refused 24"]);
  });
});
