import { describe, expect, it } from "vitest";
import { esp32 } from "../../boards/esp32.ts";
import { puckjs } from "../../boards/puckjs.ts";
import { NorFlash } from "../../scripts/sim/flash/norFlash.ts";
import { PowerCut } from "../../scripts/sim/flash/powerCut.ts";
import { FlashRuleBroken, rulesOf } from "../../scripts/sim/flash/rules.ts";
import { seededRandom } from "../../scripts/sim/random.ts";

const puck = () => new NorFlash(rulesOf(puckjs), undefined, seededRandom(7));
const at = puckjs.flashStart;
const bytes = (...values: number[]) => Uint8Array.from(values);
const kinds = (flash: NorFlash) => flash.violations.map(({ kind }) => kind);
const ecc = () => new NorFlash({ ...rulesOf(esp32), writeUnitBytes: 8, rewrite: "zero-only" });

describe("NOR flash", () => {
  it("reads blank as 0xFF and keeps what was written", () => {
    const flash = puck();
    flash.write(bytes(1, 2, 3, 4), at + 8);
    expect([...flash.read(at + 6, 8)]).toEqual([255, 255, 1, 2, 3, 4, 255, 255]);
    expect(flash.violationCount).toBe(0);
  });

  it("sets bits only by erasing the whole page and no other", () => {
    const flash = puck();
    flash.write(new Uint8Array(8192), at);
    flash.erasePage(at + 100);
    expect(flash.read(at, 4096).every((b) => b === 255)).toBe(true);
    expect(flash.read(at + 4096, 4096).every((b) => b === 0)).toBe(true);
    expect(flash.wear()[0]).toEqual({ writes: 1024, erases: 1 });
  });

  it("counts a write that needed set bits and leaves the AND of both", () => {
    const flash = new NorFlash(rulesOf(esp32));
    flash.write(bytes(0xf0, 255, 255, 255), esp32.flashStart);
    flash.write(bytes(0xaa, 255, 255, 255), esp32.flashStart);
    expect(flash.read(esp32.flashStart, 1)[0]).toBe(0xa0);
    expect(kinds(flash)).toEqual(["needs-erase"]);
  });

  it("lets a zero-only board zero a written unit and nothing else", () => {
    const flash = puck();
    flash.write(bytes(1, 2, 3, 4), at);
    flash.write(bytes(0, 0, 0, 0), at);
    expect(flash.violationCount).toBe(0);
    flash.write(bytes(9, 255, 255, 255), at + 4);
    flash.write(bytes(8, 255, 255, 255), at + 4);
    expect(kinds(flash)).toEqual(["rewrite"]);
  });

  it("refuses to change a written 8-byte ECC unit except to zeros", () => {
    const flash = ecc();
    const addr = esp32.flashStart;
    flash.write(new Uint8Array(8).fill(7), addr);
    flash.write(new Uint8Array(8).fill(3), addr);
    expect(flash.read(addr, 8)).toEqual(new Uint8Array(8).fill(7));
    expect(kinds(flash)).toEqual(["ecc-rewrite"]);
    flash.write(new Uint8Array(8), addr);
    expect(flash.read(addr, 8)).toEqual(new Uint8Array(8));
  });

  it("programs the neighbours of an unaligned write again and counts it", () => {
    const flash = new NorFlash(rulesOf(esp32));
    const addr = esp32.flashStart;
    flash.write(bytes(1, 2, 3, 4), addr);
    flash.write(bytes(5), addr + 5);
    expect([...flash.read(addr, 8)]).toEqual([1, 2, 3, 4, 255, 5, 255, 255]);
    expect(kinds(flash)).toEqual(["unaligned"]);
    expect(flash.unitsWritten).toBe(2);
  });

  it("drops writes and erases outside Storage and in protected ranges", () => {
    const flash = puck();
    flash.write(bytes(0, 0, 0, 0), at - 4);
    flash.write(bytes(0, 0, 0, 0), 0x78000);
    flash.erasePage(0x1000);
    expect(kinds(flash)).toEqual(["out-of-range", "protected", "protected"]);
    expect(flash.operations).toBe(0);
  });

  it("counts the 182nd write of a 512-byte block between two erases on nRF52832", () => {
    const flash = puck();
    for (let i = 0; i < 128; i++) flash.write(bytes(1, 1, 1, 1), at + 4 * i);
    for (let i = 0; i < 53; i++) flash.write(bytes(0, 0, 0, 0), at + 4 * i);
    expect(flash.violationCount).toBe(0);
    flash.write(bytes(0, 0, 0, 0), at + 400);
    expect(kinds(flash)).toEqual(["worn-block"]);
  });

  it("throws at the first violation when strict", () => {
    const flash = puck();
    flash.strict = true;
    expect(() => flash.write(bytes(1), at)).toThrow(FlashRuleBroken);
  });

  it("gives a fork its own future", () => {
    const flash = puck();
    flash.write(bytes(1, 1, 1, 1), at);
    const twin = flash.fork();
    twin.write(bytes(2, 2, 2, 2), at + 4);
    flash.erasePage(at);
    expect([...twin.read(at, 8)]).toEqual([1, 1, 1, 1, 2, 2, 2, 2]);
    expect([...flash.read(at, 8)]).toEqual(Array(8).fill(255));
    twin.erasePage(at + 4096 * 9);
    expect(twin.image().length).toBe(40960);
  });
});

describe("a flash that is watched", () => {
  it("says of each page whether it was used or erased first, what a fork reads included", () => {
    const flash = puck();
    const page = (i: number) => at + 4096 * i;
    flash.read(page(0), 4);
    flash.watchPages();
    flash.erasePage(page(1));
    flash.write(bytes(1, 1, 1, 1), page(1));
    flash.write(bytes(2, 2, 2, 2), page(2));
    const twin = flash.fork();
    twin.erasePage(page(3));
    twin.read(page(4), 4);
    twin.read(page(6) - 2, 4);
    expect([...flash.touched!.subarray(0, 8)]).toEqual([0, 1, 2, 0, 2, 2, 2, 0]);
  });

  it("tells pages apart by what was written since their last erase, and not by what was before", () => {
    const prints = (change: (flash: NorFlash) => void) => {
      const flash = puck();
      change(flash);
      return flash.pagePrints()[0];
    };
    const blank = prints(() => undefined);
    expect(prints((flash) => flash.write(bytes(255, 255, 255, 255), at))).not.toBe(blank);
    expect(prints((flash) => flash.write(bytes(1, 1, 1, 1), at))).not.toBe(blank);
    const erased = prints((flash) => {
      flash.write(bytes(1, 1, 1, 1), at);
      flash.erasePage(at);
    });
    expect(erased).toBe(blank);
  });
});

describe("power cut", () => {
  const data = new Uint8Array(64).fill(0x11);
  const cutWrite = (model: Parameters<NorFlash["cutAfter"]>[1], seed = 7) => {
    const flash = new NorFlash(rulesOf(puckjs), undefined, seededRandom(seed));
    flash.cutAfter(1, model);
    flash.erasePage(at);
    expect(() => flash.write(data, at)).toThrow(PowerCut);
    expect(() => flash.read(at, 4)).toThrow(PowerCut);
    flash.powerOn();
    return flash;
  };

  it("before an operation leaves the flash as it was", () => {
    expect(cutWrite("before").read(at, 64)).toEqual(new Uint8Array(64).fill(255));
  });

  it("half way leaves the first half of the units", () => {
    const got = cutWrite("half").read(at, 64);
    expect(got.subarray(0, 32).every((b) => b === 0x11)).toBe(true);
    expect(got.subarray(32).every((b) => b === 255)).toBe(true);
  });

  it("after n units leaves exactly n units", () => {
    const got = cutWrite({ afterUnits: 3 }).read(at, 64);
    expect(got.filter((b) => b === 0x11).length).toBe(12);
  });

  it("in the middle of bits leaves whole units, one torn unit, then blank", () => {
    const got = [...cutWrite("bits").read(at, 64)];
    const whole = got.findIndex((b) => b !== 0x11) >> 2;
    expect(got.slice(whole * 4 + 4).every((b) => b === 255)).toBe(true);
    for (const b of got.slice(whole * 4, whole * 4 + 4)) expect(b & 0x11).toBe(0x11);
  });

  it("weak erase leaves bits that read differently until the page is erased again", () => {
    const flash = puck();
    flash.write(new Uint8Array(4096), at);
    flash.cutAfter(0, "weak");
    expect(() => flash.erasePage(at)).toThrow(PowerCut);
    flash.powerOn();
    const first = flash.read(at, 4096);
    expect(Buffer.compare(flash.read(at, 4096), first)).not.toBe(0);
    const blankShare = first.filter((b) => b === 255).length / 4096;
    expect(blankShare).toBeGreaterThan(0);
    expect(blankShare).toBeLessThan(0.5);
    flash.erasePage(at);
    expect(flash.read(at, 4096).every((b) => b === 255)).toBe(true);
  });

  it("of an erase makes writing to that page a violation until it is erased again", () => {
    const flash = puck();
    flash.cutAfter(0, "half");
    expect(() => flash.erasePage(at)).toThrow(PowerCut);
    flash.powerOn();
    flash.write(data, at);
    expect(kinds(flash)[0]).toBe("torn-page");
  });

  it("is the same for the same seed", () => {
    const [one, other] = [cutWrite("bits", 5), cutWrite("bits", 5)];
    expect(Buffer.compare(one.image(), other.image())).toBe(0);
  });
});
