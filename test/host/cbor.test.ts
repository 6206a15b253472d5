import { Encoder } from "cbor-x";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Code } from "../../firmware/protocol/errors.ts";
import {
  type CborDecoded,
  type CborValue,
  decode,
  encode,
  Tagged,
} from "../../firmware/protocol/host/cbor.ts";
import { CodedError } from "../../firmware/protocol/host/codedError.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const unhex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

describe("CBOR on the host", () => {
  test.each<[CborValue, string]>([
    [0, "00"],
    [23, "17"],
    [24, "1818"],
    [255, "18ff"],
    [256, "190100"],
    [65535, "19ffff"],
    [65536, "1a00010000"],
    [4294967295, "1affffffff"],
    [4294967296, "1b0000000100000000"],
    [-1, "20"],
    [-46, "382d"],
    [-4294967297, "3b0000000100000000"],
    ["fl:payload", "6a666c3a7061796c6f6164"],
    [Uint8Array.of(1, 2), "420102"],
    [null, "f6"],
    [[true, false], "82f5f4"],
    [new Tagged(107, new Map()), "d86ba0"],
    [new Tagged(18, []), "d280"],
  ])("%j is written in its one shortest form", (value, expected) => {
    expect(hex(encode(value))).toBe(expected);
    expect(encode(decode(unhex(expected)) as CborValue)).toEqual(unhex(expected));
  });

  test("map keys are written in deterministic order, positive before negative", () => {
    const map = new Map<number, number>([
      [-2, 1],
      [14, 1],
      [-1, 1],
      [100, 1],
      [1, 1],
    ]);
    expect(hex(encode(map))).toBe("a501010e01186401" + "2001" + "2101");
  });

  test("a plain object has text keys, also when they look like numbers, and drops undefined", () => {
    expect(hex(encode({ "1": 2, a: undefined }))).toBe("a1613102");
  });

  test("a Buffer is written as a plain byte string and read back as Uint8Array", () => {
    const back = decode(encode(Buffer.from([7])));
    expect(back).toEqual(Uint8Array.of(7));
    expect(Buffer.isBuffer(back)).toBe(false);
  });

  test.each([
    ["nothing", ""],
    ["trailing bytes", "0000"],
    ["an integer not in shortest form", "1817"],
    ["a 64-bit integer that fits 32 bits", "1b00000000ffffffff"],
    ["an integer beyond 53 bits", "1b0020000000000000"],
    ["a negative integer beyond 53 bits", "3b001fffffffffffff"],
    ["an indefinite byte string", "5f4100ff"],
    ["an indefinite array", "9fff"],
    ["an indefinite map", "bfff"],
    ["a reserved length", "1c"],
    ["a float", "f93c00"],
    ["undefined", "f7"],
    ["a break alone", "ff"],
    ["a cut length", "19ff"],
    ["a cut string", "4300"],
    ["a cut array", "8201"],
    ["an array longer than the input", "9affffffff"],
    ["a map longer than the input", "baffffffff"],
    ["duplicate keys", "a201000100"],
    ["an array as key", "a18000"],
    ["text that is no UTF-8", "61ff"],
    ["nine levels", "818181818181818181" + "00"],
  ])("%s is refused by code", (_name, text) => {
    const refusal = () => decode(unhex(text));
    expect(refusal).toThrow(CodedError);
    expect(refusal).toThrow(expect.objectContaining({ code: Code.MessageMalformed }));
  });

  test("keys out of order are refused only where the caller asks for order", () => {
    const bytes = unhex("a202000100");
    expect(decode(bytes)).toEqual(
      new Map([
        [2, 0],
        [1, 0],
      ]),
    );
    expect(() => decode(bytes, { keysInOrder: true, code: Code.ManifestMalformed })).toThrow(
      expect.objectContaining({ code: Code.ManifestMalformed }),
    );
  });

  test("floats and undefined are a programmer's fault on encoding", () => {
    expect(() => encode(1.5)).toThrow(TypeError);
    expect(() => encode([undefined as unknown as null])).toThrow(TypeError);
    expect(() => encode(new Date() as unknown as null)).toThrow(TypeError);
  });

  test("random bytes give a value or a coded error, and a value encodes back to the same bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        let value: CborDecoded;
        try {
          value = decode(bytes, { keysInOrder: true });
        } catch (error) {
          expect(error).toBeInstanceOf(CodedError);
          return;
        }
        expect(encode(value as CborValue)).toEqual(bytes);
      }),
      { numRuns: 5000, seed: 1 },
    );
  });

  test("cbor-x writes the same bytes where its output is plain CBOR", () => {
    const other = new Encoder({ useRecords: false, variableMapSize: true, mapsAsObjects: false });
    const leaf = fc.oneof(
      fc.integer({ min: -0x7fffffff, max: 0x7fffffff }),
      fc.string({ maxLength: 40 }),
      fc.boolean(),
      fc.constant(null),
    );
    fc.assert(
      fc.property(fc.array(fc.array(leaf, { maxLength: 30 }), { maxLength: 5 }), (value) => {
        expect(hex(encode(value))).toBe(other.encode(value).toString("hex"));
      }),
      { numRuns: 300, seed: 2 },
    );
  });
});
