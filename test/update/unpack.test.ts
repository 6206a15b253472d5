import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { Rec } from "../../firmware/flash/journal.ts";
import { Code } from "../../firmware/protocol/errors.ts";
import { diff, patchAt } from "../../firmware/protocol/host/patch.ts";
import unpack from "../../firmware/runtime/parts/unpack.ts";
import { nodeHal } from "../support/nodeHal.ts";
import { setBoard, testKit } from "../support/testKit.ts";

const blockBytes = 64;
beforeEach(() => setBoard({ blockBytes, slotA: 0, slotB: 8192 }));

/** What the device makes of a BLOCK, with the source as its running image in slot B. */
function made(source: Uint8Array, program: Uint8Array, offset: number, total: number) {
  const flash = new Uint8Array(16_384).fill(255);
  flash.set(source, 8192);
  const slot = [1, source.length, 0, new Uint8Array(32), 0, 60];
  const get = (type: Rec) => (type === Rec.Slots ? [1, null, slot, 0, 0, 0, 0] : null);
  const pieces: Uint8Array[] = [];
  const put = (piece: Uint8Array) => void pieces.push(piece.slice());
  unpack(testKit(nodeHal(flash), { get }))([33, 3, 2, offset, total, program], put);
  return pieces;
}

const texts = fc
  .array(fc.integer({ min: 97, max: 99 }), { minLength: 1, maxLength: 700 })
  .map((a) => Uint8Array.from(a));

describe("a patched block on the device", () => {
  it("gives the target in whole blocks, the last one shorter at the image's end", () => {
    fc.assert(
      fc.property(texts, texts, fc.nat(10), (source, target, start) => {
        const offset = start * blockBytes;
        fc.pre(offset < target.length);
        const patch = patchAt(diff(source, target), target, { offset, blockBytes })!;
        const pieces = made(source, patch.program, offset, target.length);
        expect(Buffer.concat(pieces)).toEqual(Buffer.from(target.slice(offset, patch.endsAt)));
        const sizes = pieces.map((piece) => piece.length);
        expect(sizes.slice(0, -1).every((size) => size === blockBytes)).toBe(true);
      }),
    );
  });
  it.each([
    ["is empty", []],
    ["ends within a number", [0x81]],
    ["has a number of five bytes", [0x81, 0x81, 0x81, 0x81, 0x01]],
    ["asks for nothing", [0x00]],
    ["copies from before the source", [0x03, 0x01]],
    ["copies from behind the source", [0x03, 0xa4, 0x01]],
    ["copies past the source's end", [0xff, 0x01, 0x00]],
    ["has fewer literals than it says", [0x08, 1, 2]],
    ["gives less than a block", [0x08, 1, 2, 3, 4]],
  ])("is refused with PatchMalformed when it %s", (_, program) => {
    const run = () => made(new Uint8Array(80), Uint8Array.from(program), 0, 1000);
    expect(caught(run)).toBe(Code.PatchMalformed);
  });
  it("is refused when it would give more than the image, or go on behind a page", () => {
    const copy200 = Uint8Array.of(0x91, 0x03, 0x00);
    expect(caught(() => made(new Uint8Array(500), copy200, 0, 150))).toBe(Code.PatchMalformed);
    expect(caught(() => made(new Uint8Array(5000), copy200, 4032, 9000))).toBe(Code.PatchMalformed);
  });
  it("never fails otherwise, whatever the program is", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (program) => {
        const code = caught(() => made(new Uint8Array(300), Uint8Array.from(program), 0, 4096));
        expect([undefined, Code.PatchMalformed]).toContain(code);
      }),
    );
  });
});

function caught(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}
