import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Rec } from "../../firmware/flash/journal.ts";
import { openTestJournal } from "../support/nodeHal.ts";

const half = 4096;
const blank = () => new Uint8Array(2 * half).fill(255);
const open = (flash: Uint8Array<ArrayBuffer>) => openTestJournal(flash, 0, half, 4096);
const key = (n: number) => [
  n,
  new Uint8Array(32).fill(0x40 + n),
  new Uint8Array(32),
  new Uint8Array(8),
  0,
];
const holds = (flash: Uint8Array, n: number) =>
  Buffer.from(flash).includes(Buffer.alloc(32, 0x40 + n));

describe("journal", () => {
  it("gives back the newest value of each type after a restart, also over many page changes", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 1e9 })), {
          maxLength: 400,
        }),
        (puts) => {
          const flash = blank();
          let j = open(flash);
          const want = new Map<number, number>();
          puts.forEach(([type, value], i) => {
            j.put(type, [value]);
            want.set(type, value);
            if (i % 37 === 0) j = open(flash);
          });
          j = open(flash);
          for (let t = 1; t < 10; t++) expect(j.get(t)).toEqual(want.has(t) ? [want.get(t)] : null);
        },
      ),
      { numRuns: 40, seed: 7 },
    );
  });

  it("leaves no copy of a secret that was replaced, in either half", () => {
    const flash = blank();
    const j = open(flash);
    for (let n = 1; n < 20; n++) {
      j.put(Rec.Key, key(n));
      for (let i = 0; i < 30; i++) j.put(Rec.Boot, [i, 0, 0, 0, ""]);
      for (let old = 1; old < n; old++) expect(holds(flash, old)).toBe(false);
      expect(holds(flash, n)).toBe(true);
    }
  });

  it("keeps only what a wipe lets live, and erases the other half", () => {
    const flash = blank();
    const j = open(flash);
    j.put(Rec.Key, key(1));
    j.put(Rec.Boot, [5, 0, 0, 0, ""]);
    j.shed((t) => t === Rec.Boot);
    expect(holds(flash, 1)).toBe(false);
    expect(open(flash).get(Rec.Boot)).toEqual([5, 0, 0, 0, ""]);
    expect(open(flash).get(Rec.Key)).toBe(null);
  });

  it("does not read on behind a torn record, and goes on in the other half", () => {
    const flash = blank();
    const j = open(flash);
    j.put(Rec.Boot, [1, 0, 0, 0, ""]);
    j.put(Rec.Life, [1, 0, 60]);
    // The last record is in the live half; the last 16 bytes of a half are the copy of its header.
    const live = flash.subarray(half, 2 * half - 16);
    const at = live.some((b) => b !== 255) ? half : 0;
    const end = at + flash.subarray(at, at + half - 16).findLastIndex((b) => b !== 255);
    flash[end - 12]! &= 0x0f;
    const again = open(flash);
    expect(again.get(Rec.Life)).toBe(null);
    expect(again.get(Rec.Boot)).toEqual([1, 0, 0, 0, ""]);
    again.put(Rec.Life, [3, 0, 60]);
    expect(open(flash).get(Rec.Life)).toEqual([3, 0, 60]);
  });
});
