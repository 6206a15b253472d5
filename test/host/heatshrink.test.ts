import fc from "fast-check";
import { expect, it } from "vitest";
import { heatshrink, unshrink } from "../../firmware/protocol/host/heatshrink.ts";
import { hasInterpreter, needsInterpreter, runInterpreter } from "../sim/support/interpreter.ts";

const text = (s: string) => new Uint8Array(Buffer.from(s, "latin1"));

it("unpacks to what was packed, for any bytes", () => {
  const few = fc.array(fc.integer({ min: 97, max: 99 }), { maxLength: 700 });
  const any = fc.uint8Array({ maxLength: 700 });
  fc.assert(
    fc.property(fc.oneof(few, any), (data) => {
      const bytes = Uint8Array.from(data);
      expect(unshrink(heatshrink(bytes))).toEqual(bytes);
    }),
  );
});

it("writes a byte as nine bits and a repeat as fifteen", () => {
  expect(heatshrink(text("a"))).toEqual(Uint8Array.from([0xb0, 0x80]));
  // 'a', then 63 bytes from one back: 1 01100001 · 0 00000000 111110
  expect(heatshrink(text("a".repeat(64)))).toEqual(Uint8Array.from([0xb0, 0x80, 0x3e]));
  expect(heatshrink(new Uint8Array(0))).toEqual(new Uint8Array(0));
});

it("repeats from 256 bytes back and no further", () => {
  const noise = Uint8Array.from({ length: 256 }, (_, i) => (i * 167 + 13) & 255);
  const near = Uint8Array.from([...noise, ...noise.slice(0, 64)]);
  const far = Uint8Array.from([...noise, 7, ...noise.slice(0, 64)]);
  expect(heatshrink(near).length).toBe(Math.ceil((256 * 9 + 15) / 8));
  expect(heatshrink(far).length).toBeGreaterThan(heatshrink(near).length);
  expect(unshrink(heatshrink(far))).toEqual(far);
});

it("refuses a repeat of what is not there, and a result beyond the limit", () => {
  expect(() => unshrink(Uint8Array.from([0, 0]))).toThrow("repeats what is not there");
  const bomb = heatshrink(new Uint8Array(2000));
  expect(() => unshrink(bomb, 1999)).toThrow("at most 1999 bytes");
  expect(unshrink(bomb, 2000).length).toBe(2000);
});

it.runIf(hasInterpreter)(
  `the interpreter's own decoder unpacks it from bytes and from text${needsInterpreter}`,
  async () => {
    const source = text(
      "function (k) { return k.part(1).note(k.part(2), 3) } \xfe\x80\0".repeat(9),
    );
    const list = `new Uint8Array([${heatshrink(source)}])`;
    const run = await runInterpreter(
      `var p=${list},d=require("heatshrink").decompress;
       print("GOT",E.CRC32(d(p)),E.CRC32(d(E.toString(p))),E.CRC32(new Uint8Array([${source}])));E.reboot()`,
      new Uint8Array(40960).fill(255),
    );
    const [, fromBytes, fromText, wanted] = /GOT (\d+) (\d+) (\d+)/.exec(run.text)!;
    expect([fromBytes, fromText]).toEqual([wanted, wanted]);
  },
);
