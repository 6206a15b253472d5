import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Kit } from "../../firmware/core/kit.ts";
import frames from "../../firmware/core/parts/frames.ts";
import handshake from "../../firmware/core/parts/handshake.ts";
import { IdAt } from "../../firmware/flash/identity.ts";
import { Rec } from "../../firmware/flash/journal.ts";
import { Code } from "../../firmware/protocol/errors.ts";
import { nodeHal } from "../support/nodeHal.ts";
import { setBoard, testKit } from "../support/testKit.ts";

const vectors = JSON.parse(
  readFileSync(new URL("../vectors/session.json", import.meta.url), "utf8"),
);
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));
const hex = (b: Uint8Array) => Buffer.from(b).toString("hex");

/** A device with the vectors' identity, its nonce fixed. */
function device(aes: boolean, life: number[] | null = null): Kit {
  setBoard({ aes });
  const i = vectors.input;
  const digest = new Uint8Array(32);
  digest.set(bytes(i.fw));
  const page0 = new Uint8Array(0x400);
  page0.set(bytes(vectors.keys.dk0), IdAt.DeviceKey);
  page0.set(bytes(vectors.keys.popKey), IdAt.PopKey);
  page0[IdAt.KmId] = i.kmId;
  return testKit(nodeHal(page0), {
    boot: [i.bootCount, 0, 0, 0, ""],
    serial: i.serial,
    random: () => bytes(i.nd),
    get: (t: Rec) =>
      t === Rec.Life
        ? life
        : t === Rec.Slots
          ? [0, [1, 1, 0, digest, 0, 0], null, 0, 0, 0, 0]
          : null,
  });
}

describe.each([
  ["suite1", false],
  ["suite2", true],
] as const)("device session, %s", (name, aes) => {
  const v = vectors[name];
  const hello = (k: Kit) => handshake(k).hello(vectors.input.handshakeCount);
  const prove = (k: Kit, chal = bytes(v.chal), message = bytes(v.checkInMessage)) => {
    const answer = handshake(k).prove(hello(k), k.decode(chal), () => message);
    const f = frames(k);
    return {
      prove: answer.prove,
      open: (b: Uint8Array) => f.open(answer.frames, b),
      seal: (b: Uint8Array) => f.seal(answer.frames, b),
    };
  };

  it("says HELLO in the golden bytes", () => {
    expect(hex(hello(device(aes))[0])).toBe(v.hello);
  });

  it("answers a CHAL with PROVE in the golden bytes, proof of possession included while unclaimed", () => {
    expect(hex(prove(device(aes)).prove)).toBe(v.prove);
  });

  it("leaves the proof of possession out once it is claimed", () => {
    expect(hex(prove(device(aes, [3, 0, 60])).prove)).toBe(v.proveWithoutPop);
  });

  it("opens the cloud's frames and refuses them a second time", () => {
    const f = prove(device(aes));
    expect(hex(f.open(bytes(v.replyFrameCounter0)))).toBe(v.replyMessage);
    expect(hex(f.open(bytes(v.grantFrameCounter1)))).toBe(v.grantMessage);
    expect(() => f.open(bytes(v.replyFrameCounter0))).toThrow();
    expect(caught(() => f.open(bytes(v.grantFrameCounter1)))).toBe(Code.FrameReplayed);
  });

  it("seals its next message in the golden bytes", () => {
    expect(hex(prove(device(aes)).seal(bytes(v.commitMessage)))).toBe(v.commitFrameCounter1);
  });

  it("refuses a CHAL with any bit of its MAC or body changed", () => {
    for (const at of [v.chal.length / 2 - 1, 20]) {
      const bad = bytes(v.chal);
      bad[at]! ^= 1;
      expect(caught(() => prove(device(aes), bad))).toBe(Code.HandshakeMac);
    }
  });

  it("refuses a time below its persisted floor", () => {
    const late = device(aes, [3, 1_900_000_000, 60]);
    expect(caught(() => prove(late))).toBe(Code.TimeBelowFloor);
  });

  it("refuses a frame with one bit changed, one cut short, and one of another session", () => {
    const reply = bytes(v.replyFrameCounter0);
    const f = prove(device(aes));
    for (let i = 0; i < reply.length; i++) {
      const bad = reply.slice();
      bad[i]! ^= 4;
      expect(caught(() => f.open(bad))).toBe(Code.FrameMac);
    }
    expect(caught(() => f.open(reply.slice(0, 20)))).toBe(Code.FrameMac);
    const other = frames(device(aes));
    const stranger = other.start(new Uint8Array(32));
    expect(caught(() => other.open(stranger, reply))).toBe(Code.FrameMac);
  });
});

function caught(fn: () => unknown): unknown {
  try {
    fn();
  } catch (e) {
    return e;
  }
  return null;
}
