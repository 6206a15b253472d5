import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Chains } from "../../firmware/protocol/host/lms/chain.ts";
import {
  hssVerify,
  LmsPrivateKey,
  lmsTypeOfHeight,
  lmsVerify,
  parseLmsPublicKey,
} from "../../firmware/protocol/host/lms/index.ts";
import { lmsParameters, otsParameters } from "../../firmware/protocol/host/lms/parameters.ts";
import { bytes, flipBit, hex, lmsTestKey, readVector } from "./support.ts";

describe("LMS parameter sets", () => {
  // Values of RFC 8554 Tables 1 and 2 and RFC 9858 Tables 1 and 2.
  test.each([
    [1, 32, 1, 265, 7, 8516],
    [2, 32, 2, 133, 6, 4292],
    [3, 32, 4, 67, 4, 2180],
    [4, 32, 8, 34, 0, 1124],
    [5, 24, 1, 200, 8, 4828],
    [6, 24, 2, 101, 6, 2452],
    [7, 24, 4, 51, 4, 1252],
    [8, 24, 8, 26, 0, 652],
  ])("LM-OTS type %i has n=%i w=%i p=%i ls=%i and %i signature bytes", (...row) => {
    const [type, n, w, p, ls, signatureBytes] = row;
    expect(otsParameters(type)).toMatchObject({ type, n, w, p, ls, signatureBytes });
  });

  test("LMS types 5..9 are M32 and 10..14 are M24, heights 5 to 25", () => {
    const rows = Array.from({ length: 10 }, (_, i) => lmsParameters(5 + i));
    expect(rows.map((row) => [row?.m, row?.h])).toEqual([
      ...[5, 10, 15, 20, 25].map((h) => [32, h]),
      ...[5, 10, 15, 20, 25].map((h) => [24, h]),
    ]);
    expect(lmsTypeOfHeight(10)).toBe(0x0b);
  });

  test("types of SHAKE and unknown types are not known", () => {
    for (const type of [0, 9, 15, 16, 20]) {
      expect(type > 8 ? otsParameters(type) : null).toBeNull();
      expect(type > 14 ? lmsParameters(type) : null).toBeNull();
    }
    expect(() => lmsTypeOfHeight(7)).toThrow(RangeError);
  });
});

describe("HSS/LMS verification", () => {
  test.each(["rfc8554-f-1", "rfc8554-f-2", "rfc9858-a-1"])("accepts the vector %s", (name) => {
    const vector = readVector(`lms/${name}.hex`);
    expect(hssVerify(vector.public_key!, vector.message!, vector.signature!)).toBe(true);
  });

  test.each(["rfc8554-f-1", "rfc8554-f-2", "rfc9858-a-1"])(
    "refuses the vector %s with one bit turned (a sample), cut or lengthened",
    (name) => {
      const { public_key, message, signature } = readVector(`lms/${name}.hex`) as Record<
        "public_key" | "message" | "signature",
        Uint8Array
      >;
      for (let bit = 0; bit < signature.length * 8; bit += 397) {
        expect(hssVerify(public_key, message, flipBit(signature, bit))).toBe(false);
      }
      for (let bit = 0; bit < public_key.length * 8; bit += 7) {
        expect(hssVerify(flipBit(public_key, bit), message, signature)).toBe(false);
      }
      expect(hssVerify(public_key, flipBit(message, 3), signature)).toBe(false);
      for (let length = 0; length < signature.length; length += 113) {
        expect(hssVerify(public_key, message, signature.subarray(0, length))).toBe(false);
      }
      const longer = new Uint8Array(signature.length + 1);
      longer.set(signature);
      expect(hssVerify(public_key, message, longer)).toBe(false);
    },
  );

  const interop = readFileSync(
    new URL("../vectors/lms/pyhsslms-interop.hex", import.meta.url),
    "utf8",
  );
  const rows = interop.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  test.each(rows.map((row) => row.split(" ")))("accepts %s by another implementation", (...row) => {
    const [, key, message, signature] = row;
    expect(lmsVerify(bytes(key!), bytes(message!), bytes(signature!))).toBe(true);
    expect(lmsVerify(bytes(key!), bytes(message! + "00"), bytes(signature!))).toBe(false);
  });

  test("random bytes as key and signature are false, never an exception", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 80 }),
        fc.uint8Array({ maxLength: 80 }),
        (key, signature) => {
          expect(hssVerify(key, key, signature)).toBe(false);
          expect(lmsVerify(key, key, signature)).toBe(false);
        },
      ),
      { numRuns: 500, seed: 1 },
    );
  });
});

describe("LMS signing", () => {
  const key = lmsTestKey(5, 1);
  const message = bytes("00112233");

  test("every leaf of a key of height 5 signs and verifies, and fails for another message or key", () => {
    const other = lmsTestKey(5, 2);
    for (let leaf = 0; leaf < 32; leaf++) {
      const signature = key.sign(leaf, message);
      expect(signature).toHaveLength(4 + 1252 + 4 + 5 * 24);
      expect(lmsVerify(key.publicKey, message, signature)).toBe(true);
      expect(lmsVerify(key.publicKey, bytes("00112234"), signature)).toBe(false);
      expect(lmsVerify(other.publicKey, message, signature)).toBe(false);
    }
  });

  test("a key of height 10 has type 0x0b over LM-OTS type 7 and signs", () => {
    const tall = lmsTestKey(10, 3);
    expect(hex(tall.publicKey).slice(0, 16)).toBe("0000000b00000007");
    expect(tall.publicKey).toHaveLength(48);
    expect(lmsVerify(tall.publicKey, message, tall.sign(1023, message))).toBe(true);
    expect(parseLmsPublicKey(tall.publicKey)?.lms.h).toBe(10);
  });

  test("the same message at the same leaf gives the same bytes", () => {
    expect(key.sign(3, message)).toEqual(key.sign(3, message));
    expect(key.sign(3, message).subarray(8, 32)).not.toEqual(
      key.sign(3, bytes("44")).subarray(8, 32),
    );
  });

  test.each([-1, 32, 1.5, Number.NaN])("leaf %s does not exist", (leaf) => {
    expect(() => key.sign(leaf, message)).toThrow(RangeError);
  });

  test("key generation from a seed is fixed for ever", () => {
    const zero = LmsPrivateKey.generate({
      height: 5,
      identifier: new Uint8Array(16),
      seed: new Uint8Array(24),
    });
    expect(hex(zero.publicKey)).toBe(
      "0000000a0000000700000000000000000000000000000000459c06a56bbc5101b67214c1928b9f7a4ac000506f7eaf22",
    );
  });

  test("a saved tree opens the same key, a damaged or foreign tree does not", () => {
    const secret = { height: 5, identifier: new Uint8Array(16), seed: new Uint8Array(24) };
    const made = LmsPrivateKey.generate(secret);
    const tree = made.exportTree();
    expect(LmsPrivateKey.restore(secret, tree)?.publicKey).toEqual(made.publicKey);
    expect(LmsPrivateKey.restore(secret, flipBit(tree, 24 * 8))).toBeNull();
    expect(LmsPrivateKey.restore(secret, flipBit(tree, 40 * 24 * 8))).toBeNull();
    expect(LmsPrivateKey.restore(secret, tree.subarray(24))).toBeNull();
    expect(LmsPrivateKey.restore({ ...secret, seed: tree.slice(24, 48) }, tree)).toBeNull();
  });

  test("progress is told from nothing to all leaves", () => {
    const seen: [number, number][] = [];
    LmsPrivateKey.generate(
      { height: 10, identifier: new Uint8Array(16), seed: new Uint8Array(24) },
      (done, total) => seen.push([done, total]),
    );
    expect(seen).toEqual([0, 256, 512, 768, 1024].map((done) => [done, 1024]));
  });
});

describe("chain steps", () => {
  test.each([24, 32])("equal SHA-256 of node:crypto for %i-byte values", (n) => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.uint8Array({ minLength: n, maxLength: n }),
        fc.integer({ min: 0, max: 0xffffffff }),
        fc.integer({ min: 0, max: 264 }),
        fc.integer({ min: 0, max: 254 }),
        (identifier, value, q, i, j) => {
          const middle = Buffer.alloc(7);
          middle.writeUInt32BE(q, 0);
          middle.writeUInt16BE(i, 4);
          middle[6] = j;
          const hash = createHash("sha256").update(identifier).update(middle).update(value);
          const out = new Uint8Array(n);
          new Chains(identifier, n).run(q, i, value, j, j + 1, out, 0);
          expect(hex(out)).toBe(hash.digest("hex").slice(0, n * 2));
        },
      ),
      { numRuns: 300, seed: 3 },
    );
  });
});
