import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Kit } from "../../firmware/core/kit.ts";
import lmsSign from "../../firmware/core/parts/lmsSign.ts";
import signed from "../../firmware/core/parts/signed.ts";
import suit from "../../firmware/core/parts/suit.ts";
import { IdAt } from "../../firmware/flash/identity.ts";
import { Code } from "../../firmware/protocol/errors.ts";
import { encode } from "../../firmware/protocol/host/cbor.ts";
import { algHssLms } from "../../firmware/protocol/host/cose.ts";
import { LmsPrivateKey } from "../../firmware/protocol/host/lms/index.ts";
import { receiptPublic, signReceipt, verifyReceipt } from "../../firmware/protocol/host/receipt.ts";
import { encodeEnvelope, encodeManifest, signManifest } from "../../firmware/protocol/host/suit.ts";
import { nodeHal } from "../support/nodeHal.ts";
import { testKit } from "../support/testKit.ts";

const of = (n: number, fill: number) => new Uint8Array(n).fill(fill);
const keyOf = (fill: number) =>
  LmsPrivateKey.generate({ height: 5, identifier: of(16, fill), seed: of(24, fill + 1) });
const key = keyOf(1);
const stranger = keyOf(7);
const vendor = of(16, 3);
const classId = of(16, 4);
const base = {
  sequence: 5,
  vendorId: vendor,
  classId,
  digest: of(32, 9),
  sizeBytes: 700,
  floor: 4,
  interpreter: ["2v20", "2v29"] as const,
  trialMinutes: 30,
  batteryMinMv: 2400,
  text: { version: "1.1", type: "fix" as const, notes: "n" },
};
const signer = (k: LmsPrivateKey, leaf: number) => ({
  alg: algHssLms,
  publicKey: k.publicKey,
  sign: (m: Uint8Array) => k.sign(leaf, m),
});
const envelope = (change: object = {}, k = key) => {
  const m = encodeManifest({ ...base, ...change });
  return encodeEnvelope(m, signManifest(m, [signer(k, 3)]));
};
const kit = (threshold = 1, keys = [key.publicKey]): Kit => {
  const page0 = new Uint8Array(0x400);
  page0.set(vendor, IdAt.Vendor);
  page0.set(classId, IdAt.Class);
  page0.set([1, 0, threshold, keys.length], IdAt.KeySet);
  for (const [i, k] of keys.entries()) page0.set(k, IdAt.Keys + 48 * i);
  return testKit(nodeHal(page0), { get: () => null });
};
const verdict = (e: Uint8Array, k = kit()): unknown => {
  const real = process.version;
  Object.defineProperty(process, "version", { value: "2v29", configurable: true });
  try {
    return suit(k)(signed(k)(e));
  } catch (code) {
    return code;
  } finally {
    Object.defineProperty(process, "version", { value: real, configurable: true });
  }
};

describe("manifest on the device", () => {
  it("accepts a release signed by the release key and reads its plan", () => {
    expect(verdict(envelope())).toEqual([5, 700, of(32, 9), 4, 30, 2400, null, 0, null]);
  });

  it.each([
    ["another vendor", { vendorId: of(16, 8) }, Code.WrongVendor],
    ["another class", { classId: of(16, 8) }, Code.WrongClass],
    ["an older interpreter range", { interpreter: ["2v10", "2v20"] }, Code.WrongInterpreter],
    ["a newer interpreter range", { interpreter: ["2v30", "2v40"] }, Code.WrongInterpreter],
  ])("refuses %s by name", (_what, change, code) => {
    expect(verdict(envelope(change))).toBe(code);
  });

  it("refuses a stranger's key, no key, and fewer keys than the threshold", () => {
    expect(verdict(envelope({}, stranger))).toBe(Code.ManifestKeyUnknown);
    const m = encodeManifest(base);
    expect(verdict(encodeEnvelope(m, []))).toBe(Code.ManifestNoSignature);
    expect(verdict(envelope(), kit(2, [key.publicKey, stranger.publicKey]))).not.toBeInstanceOf(
      Array,
    );
    const twice = encodeEnvelope(m, signManifest(m, [signer(key, 3), signer(key, 4)]));
    expect(verdict(twice, kit(2, [key.publicKey, stranger.publicKey]))).toBe(Code.ThresholdMissed);
    const both = encodeEnvelope(m, signManifest(m, [signer(key, 3), signer(stranger, 4)]));
    expect(verdict(both, kit(2, [key.publicKey, stranger.publicKey]))).toBeInstanceOf(Array);
  });

  it("refuses a changed bit anywhere by a named code", () => {
    const e = envelope();
    for (let bit = 0; bit < e.length * 8; bit += 41) {
      const bad = e.slice();
      bad[bit >> 3]! ^= 1 << (bit & 7);
      expect(verdict(bad), `bit ${bit}`).toBeTypeOf("number");
    }
  });

  it("refuses every truncation by a named code", () => {
    const e = envelope();
    for (let n = 0; n < e.length; n += 3) expect(verdict(e.slice(0, n))).toBeTypeOf("number");
  });

  it("answers random bytes and random CBOR with a named code, never with a crash", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.anything({ maxDepth: 3 }), (b, v) => {
        expect(verdict(b)).toBeTypeOf("number");
        let cbor: Uint8Array;
        try {
          cbor = encode(v as never);
        } catch {
          return;
        }
        expect(verdict(Uint8Array.from([0xd8, 107, ...cbor]))).toBeTypeOf("number");
      }),
      { numRuns: 300, seed: 11 },
    );
  });
});

describe("one-time receipt key on the device", () => {
  it("signs what anyone can check with the public hash of the birth record", () => {
    const I = of(16, 5);
    const seed = of(24, 6);
    const body = encode([1, "PK-1", 77, 3, of(16, 1), 1, 9, 1_800_000_000, []]);
    const signature = lmsSign(kit())(I, seed, body);
    const pub = receiptPublic(I, seed);
    expect(signature).toEqual(signReceipt(I, seed, body));
    expect(verifyReceipt(pub, body, signature)).toBe(true);
    signature[40]! ^= 1;
    expect(verifyReceipt(pub, body, signature)).toBe(false);
  });
});
