import { describe, expect, test } from "vitest";
import { Code } from "../../firmware/protocol/errors.ts";
import { encode } from "../../firmware/protocol/host/cbor.ts";
import {
  decodeReceiptBody,
  encodeReceiptBody,
  openReceipt,
  type ReceiptBody,
  receiptPublic,
  signReceipt,
  verifyReceipt,
} from "../../firmware/protocol/host/receipt.ts";
import { bytes, flipBit, hex } from "./support.ts";

const identifier = new Uint8Array(16).fill(1);
const seed = new Uint8Array(24).fill(2);
const publicKey = receiptPublic(identifier, seed);
const body: ReceiptBody = {
  serial: "FL-0001",
  orderId: 77,
  mode: 3,
  nonce: new Uint8Array(16).fill(9),
  epoch: 2,
  bootCount: 41,
  timeS: 1_790_000_000,
  coverage: [{ name: "slotA", pages: 2, hash: new Uint8Array(8).fill(5) }],
};
const bodyBytes = encodeReceiptBody(body);
const signature = signReceipt(identifier, seed, bodyBytes);

describe("wipe receipt", () => {
  test("the public key has type, I, leaf 0 and K in fixed places", () => {
    expect(hex(publicKey)).toBe(
      "00000007" + "01".repeat(16) + "00000000" + hex(publicKey.subarray(24)),
    );
    expect(hex(publicKey.subarray(24))).toBe("3d9120cc4d3b71b12002725d455c1a14bc69269d5035f67f");
  });

  test("a signature of 1,252 bytes holds for its body and gives the typed body", () => {
    expect(signature).toHaveLength(1252);
    expect(openReceipt(publicKey, bodyBytes, signature)).toEqual(body);
  });

  test("another body, key, one turned bit or a cut signature does not hold", () => {
    const other = receiptPublic(identifier, new Uint8Array(24).fill(3));
    expect(verifyReceipt(other, bodyBytes, signature)).toBe(false);
    expect(verifyReceipt(publicKey, encodeReceiptBody({ ...body, mode: 1 }), signature)).toBe(
      false,
    );
    for (let bit = 0; bit < signature.length * 8; bit += 251) {
      expect(verifyReceipt(publicKey, bodyBytes, flipBit(signature, bit))).toBe(false);
    }
    for (let bit = 0; bit < publicKey.length * 8; bit++) {
      expect(verifyReceipt(flipBit(publicKey, bit), bodyBytes, signature)).toBe(false);
    }
    expect(verifyReceipt(publicKey, bodyBytes, signature.subarray(1))).toBe(false);
    expect(verifyReceipt(publicKey.subarray(1), bodyBytes, signature)).toBe(false);
    expect(openReceipt(publicKey, bodyBytes, flipBit(signature, 99))).toBeNull();
  });

  test.each<[string, Uint8Array, Code]>([
    ["no CBOR", bytes("ff"), Code.MessageMalformed],
    ["no array", encode(1), Code.MessageMalformed],
    ["version 2", encode([2]), Code.VersionUnsupported],
    ["too few members", encode([1, "FL-0001"]), Code.MessageMalformed],
    ["a serial in small letters", encodeReceiptBody({ ...body, serial: "fl-1" }), 14],
    ["mode 4", encodeReceiptBody({ ...body, mode: 4 }), Code.MessageMalformed],
    ["a short nonce", encodeReceiptBody({ ...body, nonce: new Uint8Array(15) }), 14],
    ["a negative epoch", encodeReceiptBody({ ...body, epoch: -1 }), Code.MessageMalformed],
    [
      "a region without hash",
      encodeReceiptBody({ ...body, coverage: [{ name: "x", pages: 1, hash: new Uint8Array(1) }] }),
      Code.MessageMalformed,
    ],
  ])("a body with %s is refused by code", (_name, malformed, code) => {
    expect(() => decodeReceiptBody(malformed)).toThrow(expect.objectContaining({ code }));
  });
});
