import { describe, expect, it } from "vitest";
import { Code } from "../../firmware/protocol/errors.ts";
import { errorTexts } from "../../firmware/protocol/errorTexts.ts";
import { manifestInput } from "../host/suitFixture.ts";
import {
  envelope,
  foreignFrom,
  foreignTo,
  isForeign,
  playFlips,
  receiver,
} from "../support/flips.ts";
import { playEnvelope } from "../support/playEnvelope.ts";

describe("a damaged envelope on the device", () => {
  it("is told from the whole one, which is begun and written", () => {
    const whole = playEnvelope(receiver, manifestInput.sequence, envelope);
    expect(whole).toEqual({ code: Code.UpdateStarted, writes: 2 });
  });

  it("with one bit turned is refused by a manifest's code without a write", () => {
    // Heads of blocks are no part of them: those bits are all played.
    const head = (foreignFrom - 2) * 8;
    const heads = playFlips(head, 1, head + 16);
    const flips = [...playFlips(5, 23), ...heads].filter(({ bit }) => !isForeign(bit));
    expect(flips.length).toBeGreaterThan(500);
    for (const { bit, code, writes } of flips) {
      expect(
        [code >= 100 && code < 140, code in errorTexts, writes],
        `bit ${bit}: ${code}`,
      ).toEqual([true, true, 0]);
    }
  });

  it("is begun as before when the bit is inside a block of an algorithm that the device does not use", () => {
    for (let bit = foreignFrom * 8; bit < foreignTo * 8; bit++) {
      const bad = envelope.slice();
      bad[bit >> 3]! ^= 1 << (bit & 7);
      const { code } = playEnvelope(receiver, manifestInput.sequence, bad);
      expect(code, `bit ${bit}`).toBe(Code.UpdateStarted);
    }
  });

  it("that is said to be longer than 4,096 bytes is not fetched, and an update may follow", () => {
    const long = playEnvelope(receiver, manifestInput.sequence, new Uint8Array(4097));
    expect(long).toEqual({ code: Code.ManifestTooLarge, writes: 0 });
  });

  it("cut short anywhere is refused as malformed without a write", () => {
    for (let bytes = 1; bytes < envelope.length; bytes++) {
      const cut = playEnvelope(receiver, manifestInput.sequence, envelope.slice(0, bytes));
      expect(cut, `${bytes} bytes`).toEqual({ code: Code.ManifestMalformed, writes: 0 });
    }
  });
});
