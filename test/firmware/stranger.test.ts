/** What anybody may say to a device: plain messages, which nothing vouches for. */
import { beforeAll, describe, expect, it } from "vitest";
import { Code } from "../../firmware/protocol/errors.ts";
import { type CborValue, encode } from "../../firmware/protocol/host/cbor.ts";
import { encodeHelloWanted, encodeRefused } from "../../firmware/protocol/host/handshake.ts";
import { Lifecycle, Msg } from "../../firmware/protocol/messages.ts";
import { seededRandom } from "../../scripts/sim/random.ts";
import { buildStage } from "../support/attackStage.ts";
import { isPlain, Wire, whole } from "../support/wire.ts";

beforeAll(buildStage);

describe("a stranger's plain message", () => {
  it.each([0, -1, 86_401, 2 ** 31, 0xffff_ffff])(
    "that it was refused for %d s silences a device for a minute only",
    (seconds) => {
      const wire = new Wire();
      const refused = encodeRefused(Code.UnknownDevice, 60);
      const head = refused.slice(0, 3);
      wire.inject(seconds === 60 ? refused : Uint8Array.from([...head, ...cborInteger(seconds)]));
      wire.device.advance(100);
      const before = wire.device.checkIns.length;
      wire.device.advance(70_000);
      expect(wire.device.checkIns.length).toBeGreaterThan(before);
    },
  );

  it("that it was refused for a day silences it for a day at most", () => {
    const wire = new Wire();
    wire.inject(encodeRefused(Code.DeviceRetired, 86_400));
    wire.device.advance(100);
    const before = wire.device.checkIns.length;
    wire.device.advance(86_300_000);
    expect(wire.device.checkIns.length).toBe(before);
    wire.device.advance(8_800_000);
    expect(wire.device.checkIns.length).toBeGreaterThan(before);
  });

  it("that a handshake is wanted is followed once in five seconds, and keeps no update away", () => {
    const wire = new Wire();
    wire.stage.device.cloud.offer = wire.stage.release();
    const [hellos, fromMs] = [wire.count(Msg.Hello), wire.device.nowMs];
    for (let i = 0; wire.device.state.sequence !== 2; i++) {
      expect(i).toBeLessThan(6000);
      wire.inject(encodeHelloWanted());
      wire.device.advance(500);
    }
    const seconds = (wire.device.nowMs - fromMs) / 1000;
    expect(wire.count(Msg.Hello) - hellos).toBeLessThanOrEqual(seconds / 5 + 3);
  });

  it("of any one byte crashes nothing", () => {
    const wire = new Wire();
    for (let byte = 0; byte < 256; byte++) wire.inject(Uint8Array.of(byte));
    wire.device.advance(1000);
    wire.untilCheckIn();
    expect(wire.device.crashes).toEqual([]);
    expect(wire.device.restarts).toBe(0);
  });

  it("that is no challenge, while one is waited for, crashes nothing", () => {
    const wire = new Wire();
    const chal = (...fields: CborValue[]) => encode([Msg.Chal, ...fields]);
    const mac = new Uint8Array(16);
    const bad = [
      ...[chal(), chal(null), chal(null, null), chal(7, mac), chal("", mac), chal([], [])],
      ...[chal(mac), chal(mac, null), chal(mac, 7), chal(mac, "x"), chal(mac, mac.slice(1))],
      ...[chal(mac, mac), chal(mac, mac, 1), encode(new Map([[0, Msg.Chal]]))],
    ];
    wire.onDown = (bytes) => (isPlain(Msg.Chal)(bytes) ? [...bad, bytes] : [bytes]);
    const proves = wire.count(Msg.Prove);
    wire.device.advance(6000);
    wire.inject(encodeHelloWanted());
    wire.untilCheckIn();
    expect(wire.count(Msg.Prove)).toBe(proves + 1);
    expect(wire.device.crashes).toEqual([]);
    expect(wire.device.restarts).toBe(0);
  });

  it("crashes nothing where a wiped device waits for its acknowledgement", () => {
    const wire = new Wire();
    const { cloud } = wire.device;
    wire.onDown = (bytes) => (isPlain(Msg.ReceiptAck)(bytes) ? [] : [bytes]);
    cloud.lifecycle = Lifecycle.Wiping;
    cloud.orders.push(cloud.wipeOrder(3));
    cloud.nudge();
    wire.device.until("send its receipt", () => wire.count(Msg.Receipt) > 0);
    wire.device.advance(1000);
    const { restarts } = wire.device;
    for (let byte = 0; byte < 256; byte++) wire.inject(Uint8Array.of(byte));
    for (const field of [null, 7, "x", [], new Uint8Array(16)])
      wire.inject(encode([Msg.ReceiptAck, field]));
    wire.inject(encode([Msg.ReceiptAck]));
    wire.device.advance(1000);
    expect([wire.device.crashes, wire.device.restarts]).toEqual([[], restarts]);
    wire.onDown = whole;
    wire.device.until("take the acknowledgement", () => wire.device.restarts > restarts);
    expect(cloud.receiptIsRight).toBe(true);
  });

  it("of any bytes changes nothing and stops nothing", () => {
    const wire = new Wire();
    const random = seededRandom("noise");
    const before = wire.device.state;
    for (let i = 0; i < 500; i++) {
      const bytes = Uint8Array.from({ length: 1 + Math.floor(random() * 60) }, () =>
        Math.floor(random() * 256),
      );
      // Half of them look like frames, a quarter like plain messages.
      if (i % 2) bytes[0] = Msg.Frame;
      else if (i % 4) bytes[0] = 0x83;
      // What asks for a pause is another test's.
      if (bytes[0] === 0x83 && bytes[1] === Msg.Refused) continue;
      wire.inject(bytes);
      wire.device.advance(20);
    }
    wire.untilCheckIn();
    expect(wire.device.state).toEqual(before);
    expect(wire.device.crashes).toEqual([]);
    expect(wire.device.restarts).toBe(0);
  });
});

/** A CBOR integer of 32 bits or fewer. */
function cborInteger(n: number): number[] {
  const [major, value] = n < 0 ? [0x20, -1 - n] : [0, n];
  if (value < 24) return [major | value];
  return [major | 26, value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255];
}
