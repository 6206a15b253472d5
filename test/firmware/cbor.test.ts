/** The device's CBOR among typed arrays that behave as the interpreter's do. */
import { fileURLToPath } from "node:url";
import vm from "node:vm";
import { build } from "esbuild";
import { beforeAll, describe, expect, it } from "vitest";

const source = fileURLToPath(new URL("../../firmware/protocol/cbor.ts", import.meta.url));

/** A view of length 0 reaches to the end there (jswrap_arraybuffer.c), where the standard gives an empty one. */
const asInterpreter = `
  const Plain = Uint8Array;
  function Uint8ArrayThere(buffer, offset, length) {
    if (length === 0) return new Plain(buffer, offset);
    return length === undefined ? new Plain(buffer) : new Plain(buffer, offset, length);
  }
  Uint8ArrayThere.prototype = Plain.prototype;
`;

let decode: (bytes: Uint8Array) => unknown;
beforeAll(async () => {
  const built = await build({
    ...{ entryPoints: [source], bundle: true, format: "iife", globalName: "cbor", write: false },
    define: { Uint8Array: "Uint8ArrayThere" },
  });
  const text = `${asInterpreter}\n${built.outputFiles[0]!.text}\ncbor.decode`;
  decode = vm.runInThisContext(`(() => { return eval(${JSON.stringify(text)}); })()`);
});

describe("a decoder on the interpreter", () => {
  it("reads an empty text and empty bytes that stand before others as empty", () => {
    expect(decode(Uint8Array.of(0x82, 0x60, 0x42, 7, 8))).toEqual(["", Uint8Array.of(7, 8)]);
    expect(decode(Uint8Array.of(0x82, 0x40, 0x61, 0x41))).toEqual([new Uint8Array(0), "A"]);
  });
});
