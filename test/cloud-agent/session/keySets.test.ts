/** Key sets on their way to a device: offered in turn, fetched in blocks, told of once. */
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { acceptReleaseKeys } from "../../../cloud-agent/core/releaseKeys.ts";
import { Code } from "../../../firmware/protocol/errors.ts";
import { concatBytes } from "../../../firmware/protocol/host/cbor.ts";
import type { HostDevice } from "../../../firmware/protocol/host/hostDevice.ts";
import { encodeSignedKeySet, type SignedKeySet } from "../../../firmware/protocol/host/keyset.ts";
import { encodeChange, signChange } from "../../../firmware/protocol/host/keysetChange.ts";
import { lmsTestKey } from "../../host/support.ts";
import { type DeviceBench, kinds, messageOf, openDeviceBench } from "../../support/deviceBench.ts";

const serial = "PUCK-0001";
let chain: SignedKeySet[];
let bench: DeviceBench;
let device: HostDevice;

beforeAll(() => {
  const rootKey = lmsTestKey(5, 31);
  const root = { threshold: 1, keys: [rootKey.publicKey] };
  chain = [1, 2, 3].map((version) => {
    const body = encodeChange({
      ...{ version, previousRoot: root, root, withSequence: 0 },
      release: { threshold: 1, keys: [lmsTestKey(5, 40 + version).publicKey] },
      agent: { threshold: 1, keys: [new Uint8Array(32).fill(1)] },
    });
    const sign = (message: Uint8Array) => rootKey.sign(version, message);
    return { body, signatures: [signChange(body, { publicKey: rootKey.publicKey, sign })] };
  });
});
beforeEach(async () => {
  bench = await openDeviceBench();
  device = await bench.device(serial);
  await bench.claim(serial);
  const grant = messageOf(await bench.shakeHands(device), "grant");
  await bench.say(device, device.seal(device.accept(grant)));
  await bench.shakeHands(device);
});

const accept = (count: number) =>
  bench.ports.store.tx((tx) =>
    acceptReleaseKeys(tx, chain.slice(0, count).map(encodeSignedKeySet)),
  );
const checkIn = () => bench.say(device, device.seal(device.checkIn()));
const report = (code: Code, version: number) =>
  bench.say(
    device,
    device.seal({ kind: "event", code, sequence: version, detail: 0, text: "keys" }),
  );
const told = async (kind: string) =>
  (await bench.events(kind, serial)).map(({ code, data }) => [code, data.version]);

describe("a key set", () => {
  it("is not offered to a device whose board takes no release that it could judge", async () => {
    await accept(2);
    expect(kinds(await checkIn())).toEqual(["reply", "keys"]);
    await bench.ports.store.tx(async (tx) => {
      const known = (await tx.device(serial))!;
      await tx.putDevice({ ...known, birth: { ...known.birth, board: "pico" } });
    });
    expect(kinds(await checkIn())).toEqual(["reply"]);
  });

  it("is offered to a device that has the one before, and served in blocks", async () => {
    expect(kinds(await checkIn())).toEqual(["reply"]);
    await accept(2);
    const { version, lengths } = messageOf(await checkIn(), "keys");
    const { body, signatures } = chain[1]!;
    expect([version, lengths]).toEqual([2, [body.length, signatures[0]!.length]]);
    const whole = concatBytes([body, ...signatures]);
    const blocks: Uint8Array[] = [];
    for (let offset = 0; offset < whole.length; offset += 256) {
      const fetch = { kind: "fetch" as const, what: 4, sequence: 2, offset, length: 256 };
      blocks.push(messageOf(await bench.say(device, device.seal(fetch)), "block").data);
    }
    expect(concatBytes(blocks)).toEqual(whole);
    const none = { kind: "fetch" as const, what: 4, sequence: 4, offset: 0, length: 9 };
    expect(messageOf(await bench.say(device, device.seal(none)), "no").code).toBe(
      Code.ReleaseNotFound,
    );
  });

  it("has the first contact for itself, then the release is offered beside it", async () => {
    const bytes = new Uint8Array(9);
    bench.offer = { sequence: 5, envelopeBytes: bytes, envelope: bytes, payload: bytes };
    await accept(2);
    expect(messageOf(await checkIn(), "reply").offer).toBeNull();
    const second = await checkIn();
    expect(kinds(second)).toEqual(["reply", "keys"]);
    expect(messageOf(second, "reply").offer?.sequence).toBe(5);
    expect(await told("keySetOffered")).toEqual([[null, 2]]);
  });

  it("is followed by the next one, every version in turn, once each was taken", async () => {
    await accept(3);
    for (const version of [2, 3]) {
      expect(messageOf(await checkIn(), "keys").version).toBe(version);
      await report(Code.KeySetTaken, version);
      // It waits for its release: it is not fetched again.
      expect(kinds(await checkIn())).toEqual(["reply"]);
      device.info.keySetVersion = version;
    }
    expect(kinds(await checkIn())).toEqual(["reply"]);
    expect(await told("keySetTaken")).toEqual([
      [Code.KeySetTaken, 2],
      [Code.KeySetTaken, 3],
    ]);
    expect((await bench.record(serial)).keySetVersion).toBe(3);
  });

  it("counts as taken by the check-in that names it, when the report was lost", async () => {
    await accept(2);
    await checkIn();
    device.info.keySetVersion = 2;
    expect(kinds(await checkIn())).toEqual(["reply"]);
    expect(await told("keySetTaken")).toEqual([[Code.KeySetTaken, 2]]);
  });

  it("that was refused for good is not sent again, and is no refused release", async () => {
    await accept(2);
    await checkIn();
    await report(Code.ManifestSignature, 2);
    expect(kinds(await checkIn())).toEqual(["reply"]);
    expect(await told("keySetRefused")).toEqual([[Code.ManifestSignature, 2]]);
    expect((await bench.record(serial)).refused).toBeNull();
  });

  it("is not offered to a core in recovery, which takes releases only", async () => {
    await accept(2);
    device.info.slotState = 2;
    expect(kinds(await checkIn())).toEqual(["reply"]);
  });

  it("that does not follow is refused, and the ones from before stand", async () => {
    await accept(2);
    await expect(
      bench.ports.store.tx((tx) => acceptReleaseKeys(tx, [encodeSignedKeySet(chain[0]!)])),
    ).rejects.toThrow(/expected version 2 or higher, got 1/);
    expect(messageOf(await checkIn(), "keys").version).toBe(2);
  });
});
