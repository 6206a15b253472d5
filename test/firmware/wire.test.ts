/** Frames and handshake against who holds the wire, played on a simulated board with the shipped texts: the device's side of
 *  what test/cloud-agent/session shows of the agent's. */
import { beforeAll, describe, expect, it } from "vitest";
import {
  encodeChal,
  encodeChalBody,
  encodeHelloWanted,
} from "../../firmware/protocol/host/handshake.ts";
import { deviceKeyAt } from "../../firmware/protocol/host/kdf.ts";
import { Msg } from "../../firmware/protocol/messages.ts";
import { seededRandom } from "../../scripts/sim/random.ts";
import { buildStage } from "../support/attackStage.ts";
import { isFrame, isPlain, Wire, whole } from "../support/wire.ts";

beforeAll(buildStage);

const revisionOf = (wire: Wire) => {
  wire.untilCheckIn();
  return wire.device.state.settingsRevision;
};

describe("a frame of the cloud", () => {
  it("that was kept back is worth nothing after the next start", () => {
    const wire = new Wire();
    const kept = wire.keepFrames();
    wire.settings(1);
    expect(kept).toHaveLength(1);
    wire.onDown = whole;
    wire.device.powerOff(1000);
    wire.untilCheckIn();
    for (const frame of kept) wire.inject(frame);
    wire.device.advance(100);
    expect(revisionOf(wire)).toBe(0);
    wire.settings(1);
    expect(revisionOf(wire)).toBe(1);
  });

  it("that was kept back is worth nothing after the next handshake", () => {
    const wire = new Wire();
    const kept = wire.keepFrames();
    wire.settings(1);
    wire.onDown = whole;
    const hellos = wire.count(Msg.Hello);
    wire.inject(encodeHelloWanted());
    wire.untilCheckIn();
    expect(wire.count(Msg.Hello)).toBe(hellos + 1);
    for (const frame of kept) wire.inject(frame);
    wire.device.advance(100);
    expect(revisionOf(wire)).toBe(0);
  });

  it("is taken once, and not behind a later one", () => {
    const wire = new Wire();
    const kept = wire.keepFrames();
    wire.settings(1);
    wire.settings(2);
    wire.onDown = whole;
    wire.inject(kept[1]!);
    wire.device.advance(100);
    expect(wire.device.state.settingsRevision).toBe(2);
    for (const frame of [...kept, ...kept]) wire.inject(frame);
    wire.device.advance(100);
    expect(revisionOf(wire)).toBe(2);
  });

  it("with a bit changed, cut or made longer changes nothing, and the session goes on", () => {
    const wire = new Wire();
    wire.onDown = (bytes) => {
      if (!isFrame(bytes)) return [bytes];
      const flipped = bytes.slice();
      flipped[bytes.length >> 1]! ^= 1;
      return [flipped, bytes.slice(0, -1), Uint8Array.from([...bytes, 0]), bytes];
    };
    const hellos = wire.count(Msg.Hello);
    wire.settings(1);
    expect(revisionOf(wire)).toBe(1);
    expect(wire.count(Msg.Hello)).toBe(hellos);
  });

  it("is not what the device said itself: an echo changes nothing, and an update goes through", () => {
    const wire = new Wire();
    wire.onUp = (bytes) => {
      wire.inject(bytes);
      return [bytes];
    };
    wire.stage.offer(wire.stage.release());
    wire.stage.runs(2);
  });
});

describe("an update over a bad wire", () => {
  it.each<[string, (wire: Wire) => void]>([
    [
      "that loses a third of all messages, both ways",
      (wire) => {
        const random = seededRandom("a third");
        wire.onUp = (bytes) => (random() < 1 / 3 ? [] : [bytes]);
        wire.onDown = (bytes) => (random() < 1 / 3 ? [] : [bytes]);
      },
    ],
    [
      "that repeats every message, both ways",
      (wire) => {
        wire.onUp = wire.onDown = (bytes) => [bytes, bytes];
      },
    ],
    [
      "that delays each message by up to three seconds, so that they overtake each other",
      (wire) => wire.delay(3000),
    ],
  ])("comes through one %s", (_what, spoil) => {
    const wire = new Wire();
    spoil(wire);
    wire.stage.device.cloud.offer = wire.stage.release();
    for (let i = 0; wire.device.state.sequence !== 2; i++) {
      expect(i).toBeLessThan(86_400);
      wire.device.advance(500);
      wire.flush();
    }
    expect(wire.device.state.failed).toBeNull();
  });
});

describe("a challenge", () => {
  const another = (wire: Wire, hello: Uint8Array, secondsOff: number) => {
    const { bench, device } = wire.stage;
    const nc = new Uint8Array(16).fill(0x22);
    const timeS = Math.floor(device.nowMs / 1000) + secondsOff;
    const key = deviceKeyAt(bench.km, bench.birth.record, 1);
    return encodeChal(key, hello, encodeChalBody({ nc, timeS, state: 3 }));
  };

  it.each(["the one before, in the same start", "one of the start before"])(
    "to another HELLO, %s, is not answered",
    (which) => {
      const wire = new Wire();
      wire.inject(encodeHelloWanted());
      wire.untilCheckIn();
      const recorded = wire.down.findLast(isPlain(Msg.Chal))!;
      expect(recorded).toBeDefined();
      wire.onDown = (bytes) => (isPlain(Msg.Chal)(bytes) ? [recorded] : [bytes]);
      const proves = wire.count(Msg.Prove);
      if (which.includes("start before")) wire.device.powerOff(1000);
      else {
        wire.device.advance(6000);
        wire.inject(encodeHelloWanted());
      }
      wire.device.advance(120_000);
      expect(wire.count(Msg.Prove)).toBe(proves);
      wire.onDown = whole;
      wire.untilCheckIn("shake hands again");
      expect(wire.count(Msg.Prove)).toBe(proves + 1);
    },
  );

  it("of each of two processes: the device answers the first, once, and its session holds", () => {
    for (const isSecondFirst of [false, true]) {
      const wire = new Wire();
      wire.device.advance(6000);
      let hello = new Uint8Array(0);
      wire.onUp = (bytes) => {
        if (isPlain(Msg.Hello)(bytes)) hello = bytes.slice();
        return [bytes];
      };
      wire.onDown = (bytes) => {
        if (!isPlain(Msg.Chal)(bytes)) return [bytes];
        const other = another(wire, hello, 1);
        return isSecondFirst ? [other, bytes] : [bytes, other];
      };
      const [hellos, proves] = [wire.count(Msg.Hello), wire.count(Msg.Prove)];
      wire.inject(encodeHelloWanted());
      wire.untilCheckIn();
      wire.settings(1);
      expect(revisionOf(wire)).toBe(1);
      expect(wire.count(Msg.Hello)).toBe(hellos + 1);
      expect(wire.count(Msg.Prove)).toBe(proves + 1);
    }
  });

  it("to a HELLO whose suite was lowered on the way is not answered", () => {
    const wire = new Wire();
    // [1, version, suite, …]: the fourth byte.
    wire.onUp = (bytes) => {
      if (!isPlain(Msg.Hello)(bytes)) return [bytes];
      expect([...bytes.slice(1, 4)]).toEqual([Msg.Hello, 1, 2]);
      const lowered = bytes.slice();
      lowered[3] = 1;
      return [lowered];
    };
    const proves = wire.count(Msg.Prove);
    wire.device.powerOff(1000);
    wire.device.advance(60_000);
    expect(wire.count(Msg.Hello)).toBeGreaterThan(2);
    expect(wire.count(Msg.Prove)).toBe(proves);
    wire.onUp = whole;
    wire.untilCheckIn("shake hands when he is gone");
  });
});
