import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Code } from "../../firmware/protocol/errors.ts";
import { PayloadCoder } from "../../firmware/protocol/host/coding.ts";
import { applyPatch, diff, patchAt } from "../../firmware/protocol/host/patch.ts";

const bytes = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const image = (bytes: Uint8Array, digest: string) => ({ bytes, digest });
/** Few letters, so that texts repeat themselves. */
const texts = fc
  .array(fc.integer({ min: 97, max: 100 }), { maxLength: 700 })
  .map((a) => Uint8Array.from(a));

describe("a patch", () => {
  it("makes the target out of the source, block by block, whatever both are", () => {
    fc.assert(
      fc.property(texts, texts, fc.constantFrom(16, 64, 256), (source, target, blockBytes) => {
        const stretches = diff(source, target);
        let offset = 0;
        while (offset < target.length) {
          const patch = patchAt(stretches, target, { offset, blockBytes, programMax: 400 });
          expect(patch).not.toBeNull();
          const place = { offset, totalBytes: target.length };
          expect(applyPatch(source, patch!.program, place)).toEqual(
            target.slice(offset, patch!.endsAt),
          );
          const isWhole = (patch!.endsAt - offset) % blockBytes === 0;
          expect(isWhole || patch!.endsAt === target.length).toBe(true);
          offset = patch!.endsAt;
        }
      }),
    );
  });
  it("tells an unchanged page in three bytes, and stops at its end", () => {
    const same = Uint8Array.from({ length: 9000 }, (_, i) => (i * 7919) >> 3);
    const stretches = diff(same, same);
    const first = patchAt(stretches, same, { offset: 256, blockBytes: 256 });
    expect(first).toEqual({ program: Uint8Array.of(0x81, 0x3c, 0x00), endsAt: 4096 });
  });
  it("is null where not even one block fits the program", () => {
    const target = Uint8Array.from({ length: 64 }, (_, i) => i);
    const place = { offset: 0, blockBytes: 64, programMax: 64 };
    expect(patchAt(diff(new Uint8Array(0), target), target, place)).toBeNull();
  });
  it.each([
    ["it is empty", []],
    ["a number is cut off", [0x81]],
    ["a number is too long", [0x81, 0x81, 0x81, 0x81, 0x01]],
    ["an operation gives nothing", [0x00]],
    ["it copies from before the source", [0x03, 0x01]],
    ["it copies from behind the source", [0x03, 0x14]],
    ["it has fewer literals than it says", [0x08, 1, 2]],
    ["it gives more than the image has", [0x14, ...new Array(10).fill(1), 0x13, 0x13]],
  ])("is refused when %s", (_, program) => {
    const place = { offset: 0, totalBytes: 15 };
    const apply = () => applyPatch(new Uint8Array(10), Uint8Array.from(program), place);
    expect(apply).toThrow(expect.objectContaining({ code: Code.PatchMalformed }));
  });
});

describe("the choice of a coding", () => {
  const random = Uint8Array.from(
    { length: 1024 },
    (_, i) => (Math.imul(i + 1, 2654435761) >>> 13) & 255,
  );
  it("patches where the running image has it, packs what repeats, and leaves the rest plain", () => {
    const coder = new PayloadCoder();
    const repeats = bytes("let x = 1; ".repeat(100));
    expect(coder.next(image(random, "r"), image(random, "r"), 0, 256).what).toBe(3);
    expect(coder.next(image(repeats, "p"), image(random, "r"), 0, 256).what).toBe(2);
    expect(coder.next(image(random, "r"), null, 0, 256)).toEqual({
      what: 1,
      data: random.slice(0, 256),
      gives: 256,
    });
  });
  it("never sends more than was asked for", () => {
    const coder = new PayloadCoder();
    fc.assert(
      fc.property(texts, texts, fc.nat(600), fc.integer({ min: 1, max: 512 }), (a, b, at, n) => {
        fc.pre(at < b.length);
        const name = (data: Uint8Array) => image(data, Buffer.from(data).toString("hex"));
        expect(coder.next(name(b), name(a), at, n).data.length).toBeLessThanOrEqual(n);
      }),
    );
  });
});
