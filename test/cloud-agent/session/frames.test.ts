import { beforeEach, describe, expect, it } from "vitest";
import { Code } from "../../../firmware/protocol/errors.ts";
import type { HostDevice } from "../../../firmware/protocol/host/hostDevice.ts";
import { Lifecycle, SlotState } from "../../../firmware/protocol/messages.ts";
import { type DeviceBench, kinds, messageOf, openDeviceBench } from "../../support/deviceBench.ts";

let bench: DeviceBench;
let device: HostDevice;
const serial = "PUCK-0001";
beforeEach(async () => {
  bench = await openDeviceBench();
  device = await bench.device(serial);
  await bench.change(serial, { lifecycle: Lifecycle.Operating });
  device.info.lifecycle = Lifecycle.Operating;
  await bench.shakeHands(device);
});

const checkIn = () => bench.say(device, device.seal(device.checkIn()));
const codes = async (kind: string) => (await bench.events(kind, serial)).map((e) => e.code);

describe("frames", () => {
  it("go on after any number of them were lost", async () => {
    for (let i = 0; i < 50; i++) device.seal(device.checkIn());
    expect(kinds(await checkIn())).toEqual(["reply"]);
  });
  it("are not taken twice", async () => {
    device.vitals = { batteryMv: [1, 2, 3] };
    const frame = device.seal(device.checkIn());
    expect(kinds(await bench.say(device, frame))).toEqual(["reply"]);
    expect(await bench.give(serial, frame)).toEqual([]);
    const rows = await bench.ports.store.tx((tx) => tx.vitals({ serial, limit: 10 }));
    expect(rows.map((row) => row.values)).toEqual([{ batteryMv: [1, 2, 3], resetReason: [1] }]);
  });
  it("are not taken out of order", async () => {
    const first = device.seal(device.checkIn());
    const second = device.seal(device.checkIn());
    expect(kinds(await bench.say(device, second))).toEqual(["reply"]);
    expect(await bench.give(serial, first)).toEqual([]);
  });
  it("are not taken twice by another agent over the same store", async () => {
    const frame = device.seal(device.checkIn());
    await bench.say(device, frame);
    bench.restartAgent();
    expect(await bench.give(serial, frame)).toEqual([]);
  });
  it("never repeat a send counter over agents that were killed", async () => {
    const counters: number[] = [];
    for (let i = 0; i < 6; i++) {
      bench.restartAgent();
      for (const heard of await checkIn())
        if (heard.kind === "message") counters.push(heard.counter);
    }
    expect(counters).toEqual([1, 2, 3, 4, 5, 6]);
  });
  it("are refused when one bit was changed, and recorded", async () => {
    const frame = device.seal(device.checkIn());
    frame[20]! ^= 1;
    expect(await bench.give(serial, frame)).toEqual([]);
    expect(await codes("messageRefused")).toEqual([Code.FrameMac]);
  });
  it("of an unknown session ask for a handshake, once in ten seconds", async () => {
    const frame = device.seal(device.checkIn());
    await bench.ports.store.tx((tx) => tx.deleteSession(serial));
    expect(kinds(await bench.say(device, frame))).toEqual(["helloWanted"]);
    expect(kinds(await bench.say(device, frame))).toEqual([]);
    bench.nowMs += 10_000;
    expect(kinds(await bench.say(device, frame))).toEqual(["helloWanted"]);
  });
  it("of the session before the newest handshake are not taken", async () => {
    const old = device.seal(device.checkIn());
    await bench.shakeHands(device);
    expect(kinds(await bench.say(device, old))).toEqual(["helloWanted"]);
  });
  it("of one device are not taken on another one's topic", async () => {
    await bench.device("PUCK-0002");
    const answers = await bench.give("PUCK-0002", device.seal(device.checkIn()));
    expect(answers).toEqual([Uint8Array.of(0x81, 11)]);
    expect((await bench.record("PUCK-0002")).lastSeenMs).toBeNull();
  });
  it("of a retired device are refused and counted once each", async () => {
    await bench.change(serial, { lifecycle: Lifecycle.Retired });
    const frame = device.seal(device.checkIn());
    expect(kinds(await bench.say(device, frame))).toEqual([`refused ${Code.DeviceRetired}`]);
    expect(await bench.give(serial, frame)).toEqual([]);
    expect((await bench.record(serial)).zombieContacts).toBe(1);
  });
  it("of one slow device do not hold up another one", async () => {
    let release: () => void = () => undefined;
    const wait = new Promise<void>((resolve) => (release = resolve));
    void bench.contact.inTurn(serial, () => wait);
    const slow = checkIn();
    const other = await bench.device("PUCK-0002");
    expect(kinds(await bench.shakeHands(other))).toEqual(["reply"]);
    release();
    expect(kinds(await slow)).toEqual(["reply"]);
  });
  it("beyond the queue of one device are dropped", async () => {
    const all = Array.from({ length: 40 }, () => bench.give(serial, device.seal(device.checkIn())));
    const answered = (await Promise.all(all)).filter((answers) => answers.length > 0);
    expect(answered).toHaveLength(32);
  });
});

describe("a check-in", () => {
  it("is the only thing that changes what a device runs", async () => {
    Object.assign(device.info, {
      ...{ runningSequence: 2, runningDigest: new Uint8Array(8).fill(2), floor: 2 },
      ...{ otherSequence: 1, otherValid: true, nextCheckInS: 77, resetReason: 7 },
    });
    await checkIn();
    expect(await bench.record(serial)).toMatchObject({
      ...{ runningSequence: 2, runningDigest: "02".repeat(8), floor: 2, otherSequence: 1 },
      ...{ otherValid: true, nextCheckInS: 77, resetReason: 7, interpreter: "2v29" },
    });
  });
  it("tells an update's steps once each: started, installed, confirmed", async () => {
    device.info.download = { sequence: 2, bytesDone: 512, sizeBytes: 4000 };
    await checkIn();
    device.info.download = { sequence: 2, bytesDone: 1024, sizeBytes: 4000 };
    await checkIn();
    device.info.download = null;
    device.info.runningSequence = 2;
    device.info.runningDigest = new Uint8Array(8).fill(2);
    device.info.slotState = SlotState.Trial;
    await checkIn();
    await checkIn();
    device.info.slotState = SlotState.Confirmed;
    await checkIn();
    await checkIn();
    expect(await codes("updateStarted")).toEqual([Code.UpdateStarted]);
    expect(await codes("updateInstalled")).toEqual([Code.UpdateInstalled]);
    expect(await codes("updateConfirmed")).toEqual([Code.UpdateConfirmed]);
    expect(await codes("updateReverted")).toEqual([]);
  });
  it("tells a failed trial as reverted, with the failed release and its reason, and not as confirmed", async () => {
    device.info.runningSequence = 2;
    device.info.slotState = SlotState.Trial;
    await checkIn();
    device.info.runningSequence = 1;
    device.info.slotState = SlotState.Confirmed;
    const digest = new Uint8Array(8).fill(2);
    const end = { code: Code.TrialCrashed, text: "boom", resetReason: 3, log: "pump on|valve" };
    device.info.failed = { sequence: 2, digest, ...end };
    await checkIn();
    await checkIn();
    const [event, ...others] = await bench.events("updateReverted", serial);
    expect(event).toMatchObject({
      ...{ sequence: 2, code: Code.TrialCrashed },
      data: { digest: "02".repeat(8), text: "boom", resetReason: 3, log: "pump on|valve" },
    });
    expect(others).toEqual([]);
    expect(await codes("updateConfirmed")).toEqual([]);
  });
  it("tells a refused update once, whether it came at once or with the check-in", async () => {
    const event = {
      kind: "event",
      code: Code.ManifestSignature,
      sequence: 3,
      detail: 0,
      text: "",
    } as const;
    await bench.say(device, device.seal(event));
    device.info.refused = { sequence: 3, code: Code.ManifestSignature };
    await checkIn();
    expect(await codes("updateRefused")).toEqual([Code.ManifestSignature]);
  });
  it("keeps good vitals beside one that is malformed", async () => {
    device.vitals = { batteryMv: [1, 2], temperatureDeciC: [-5, 0, 5], "m.pulses": [1, 2, 3] };
    expect(kinds(await checkIn())).toEqual(["reply"]);
    const [row] = await bench.ports.store.tx((tx) => tx.vitals({ serial, limit: 1 }));
    expect(row?.values).toEqual({
      temperatureDeciC: [-5, 0, 5],
      "m.pulses": [1, 2, 3],
      resetReason: [1],
    });
  });
});

describe("a FETCH", () => {
  beforeEach(() => {
    const payload = Uint8Array.from({ length: 1000 }, (_, i) => i & 255);
    const envelope = new Uint8Array(300).fill(9);
    bench.offer = { sequence: 2, envelopeBytes: envelope, envelope, payload };
  });
  it("follows an offer that names the release and the size of its manifest", async () => {
    expect(messageOf(await checkIn(), "reply").offer).toEqual({ sequence: 2, manifestBytes: 300 });
  });
  it.each([
    [0, 0, 512, 300, 300],
    [1, 0, 512, 1000, 512],
    [1, 900, 512, 1000, 100],
  ] as const)("of text %i at %i for %i is answered", async (what, offset, length, total, got) => {
    const fetch = { kind: "fetch", what, sequence: 2, offset, length } as const;
    const block = messageOf(await bench.say(device, device.seal(fetch)), "block");
    expect(block).toMatchObject({ what, sequence: 2, offset, totalBytes: total });
    expect(block.data).toHaveLength(got);
    if (what === 1) expect(block.data[0]).toBe(offset & 255);
  });
  it.each([
    ["behind the end", 2, 1000, Code.FlashRange],
    ["of an unknown release", 9, 0, Code.ReleaseNotFound],
  ])("%s is answered with NO", async (_name, sequence, offset, code) => {
    const fetch = { kind: "fetch", what: 1, sequence, offset, length: 10 } as const;
    expect(messageOf(await bench.say(device, device.seal(fetch)), "no").code).toBe(code);
  });
  it("of a payload that is still on its way to the agent is not answered; the next one is", async () => {
    const { image } = bench.ports;
    let isHere = false;
    bench.ports.image = async (...asked) => {
      const found = await image(...asked);
      return found && (isHere ? found : { ...found, payload: "loading" });
    };
    const ask = (what: number) =>
      device.seal({ kind: "fetch", what, sequence: 2, offset: 0, length: 100 });
    for (const what of [1, 2]) expect(await bench.give(serial, ask(what))).toEqual([]);
    expect(messageOf(await bench.say(device, ask(0)), "block").totalBytes).toBe(300);
    isHere = true;
    expect(messageOf(await bench.say(device, ask(1)), "block").totalBytes).toBe(1000);
  });
  it("for more than a block is refused as malformed", async () => {
    const fetch = { kind: "fetch", what: 1, sequence: 2, offset: 0, length: 513 } as const;
    expect(await bench.give(serial, device.seal(fetch))).toEqual([]);
    expect(await codes("messageRefused")).toEqual([Code.MessageMalformed]);
  });
});
