import { describe, expect, it } from "vitest";
import { puckjs } from "../../boards/puckjs.ts";
import { storageIsValid } from "../../scripts/sim/board/bootCheck.ts";
import { crc32 } from "../../scripts/sim/board/cryptoLib.ts";
import { findFile, freeBytes, listFiles, readFile } from "../../scripts/sim/board/storage.ts";
import { NorFlash } from "../../scripts/sim/flash/norFlash.ts";
import { type FlashRules, rulesOf } from "../../scripts/sim/flash/rules.ts";
import { seededRandom } from "../../scripts/sim/random.ts";
import { composeStorage, fileHeader, plainFiles } from "./support/image.ts";
import {
  eachAtOnce,
  hasInterpreter,
  needsInterpreter,
  runInterpreter,
} from "./support/interpreter.ts";

interface Geometry {
  pageBytes: number;
  pages: number;
}

/** Images by what is special about them. */
function images({ pageBytes, pages }: Geometry): Record<string, Uint8Array> {
  const total = pageBytes * pages;
  const blank = () => new Uint8Array(total).fill(255);
  const twoFiles = () => plainFiles(pageBytes, pages, { a: "first", b: "second file" });
  const board = {
    ...puckjs,
    pageBytes,
    plan: { ...puckjs.plan, corePage: pages - 3, totalPages: pages },
  };
  const out: Record<string, Uint8Array> = {
    blank: blank(),
    "all ones and zeros": blank().fill(0),
    garbage: blank().fill(1),
    "two files": twoFiles(),
    "full to the last byte": composeStorage(board, "print(1)"),
  };
  const put = (name: string, image: Uint8Array, at: number, data: Uint8Array) => {
    image.set(data, at);
    out[name] = image;
  };
  put("blank with a byte far behind", blank(), total - 5, Uint8Array.of(0));
  put("blank with a byte after the header", blank(), 40, Uint8Array.of(0));
  put("zero size", twoFiles(), 0, Uint8Array.of(0, 0, 0, 0));
  put("file longer than Storage", twoFiles(), 0, Uint8Array.of(255, 255, 15, 0));
  put("second file longer than Storage", twoFiles(), 40, Uint8Array.of(255, 255, 15, 0));
  put("data behind the last header", twoFiles(), 100, Uint8Array.of(1, 2, 3));
  put("file on the next page", twoFiles(), pageBytes, fileHeader("c", 8));
  put("file behind a blank page", twoFiles(), 2 * pageBytes, fileHeader("c", 8));
  put("garbage on the next page", twoFiles(), pageBytes, Uint8Array.of(1, 2, 3, 200));
  put("garbage name on the next page", twoFiles(), pageBytes + 10, Uint8Array.of(1));
  put("deleted file", twoFiles(), 4, Uint8Array.of(0, 0, 0, 0));
  const full = composeStorage(board, "print(1)");
  put("full, last header one byte short", full.slice(), total - 4096 - 1, Uint8Array.of(0));
  for (const left of [0, 4, 8, 28, 31, 32, 36]) {
    const image = blank();
    image.set(fileHeader("long", total - 32 - left));
    out[`${left} bytes left behind the last file`] = image;
  }
  const header = fileHeader("slots", 3 * pageBytes - 32);
  for (let n = 1; n < 32; n++) {
    out[`first header torn after ${n} bytes`] = blank();
    out[`first header torn after ${n} bytes`]!.set(header.subarray(0, n));
    const second = twoFiles();
    second.set(fileHeader("third", 300).subarray(0, n), 84);
    out[`third header torn after ${n} bytes`] = second;
    const onPage = twoFiles();
    onPage.set(fileHeader("third", 300).subarray(0, n), pageBytes);
    out[`header on the next page torn after ${n} bytes`] = onPage;
    const atEnd = plainFiles(pageBytes, pages, { x: new Uint8Array(pageBytes * (pages - 1) - 32) });
    atEnd.set(fileHeader("third", 300).subarray(0, n), pageBytes * (pages - 1));
    out[`header on the last page torn after ${n} bytes`] = atEnd;
  }
  return out;
}

const rulesFor = ({ pageBytes, pages }: Geometry): FlashRules => ({
  ...rulesOf(puckjs),
  start: 0x10000000,
  storageStart: 0x10000000,
  pageBytes,
  pages,
});
const verdict = (image: Uint8Array, geometry: Geometry) =>
  storageIsValid(new NorFlash(rulesFor(geometry), image));

describe("Storage check at power-on", () => {
  const geometry = { pageBytes: 4096, pages: 10 };
  const all = images(geometry);
  const cases: [string, boolean][] = [
    ["blank", true],
    ["two files", true],
    ["full to the last byte", true],
    ["deleted file", true],
    ["file on the next page", true],
    ["file behind a blank page", true],
    ["data behind the last header", true],
    ["0 bytes left behind the last file", true],
    ["28 bytes left behind the last file", true],
    ["32 bytes left behind the last file", true],
    ["blank with a byte far behind", false],
    ["garbage on the next page", false],
    ["zero size", false],
    ["second file longer than Storage", true],
    ["first header torn after 4 bytes", true],
    ["first header torn after 2 bytes", false],
  ];
  it.each(cases)("of an image with %s says %s", (name, isValid) => {
    expect(verdict(all[name]!, geometry)).toBe(isValid);
  });

  it.runIf(hasInterpreter)(
    `is the interpreter's own for every image${needsInterpreter}`,
    { timeout: 60_000 },
    async () => {
      const real = await realGeometry();
      expect(await differing(Object.entries(images(real)), real)).toEqual([]);
    },
  );

  it.runIf(hasInterpreter)(
    `is the interpreter's own for images with random damage${needsInterpreter}`,
    { timeout: 60_000 },
    async () => {
      const real = await realGeometry();
      const random = seededRandom("damage");
      const sources = Object.values(images(real));
      const damaged = Array.from({ length: 150 }, (_, i): [string, Uint8Array] => {
        const image = sources[Math.floor(random() * sources.length)]!.slice();
        for (let hits = Math.floor(random() * 4); hits >= 0; hits--) {
          const page = Math.floor(random() * 3) * real.pageBytes;
          image[page + Math.floor(random() * 120)] = Math.floor(random() * 256);
        }
        return [`damage ${i}`, image];
      });
      expect(await differing(damaged, real)).toEqual([]);
    },
  );
});

describe("Storage files", () => {
  const flash = new NorFlash(rulesOf(puckjs), composeStorage(puckjs, "print('boot')", "core text"));

  it("are found by name where the walk meets them", () => {
    expect(findFile(flash, "slots")).toMatchObject({ addr: 0x6c020, bytes: 28640 });
    expect(findFile(flash, ".boot0")!.addr + findFile(flash, ".boot0")!.bytes).toBe(0x76000);
    expect(findFile(flash, "slot")).toBeUndefined();
    expect(listFiles(flash).map(({ name }) => name)).toEqual(["slots", "core", ".boot0"]);
    expect(freeBytes(flash)).toBe(0);
  });

  it("are read with offset and length clipped to the file", () => {
    const text = (...args: [number?, number?]) =>
      Buffer.from(readFile(flash, "core", ...args)!).toString("latin1");
    expect(text()).toBe("core text       ");
    expect(text(5, 4)).toBe("text");
    expect(text(12, 100)).toBe("    ");
    expect(text(99)).toBe("");
    expect(readFile(flash, "none")).toBeUndefined();
  });

  it.runIf(hasInterpreter)(
    `are the same as the interpreter finds them${needsInterpreter}`,
    { timeout: 60_000 },
    async () => {
      const real = await realGeometry();
      const program =
        'var s=require("Storage");print("@"+JSON.stringify(s.list().map(function(n){' +
        "return [n,E.CRC32(s.read(n)),E.CRC32(s.read(n,1,5))]})))";
      for (const name of [
        "two files",
        "full to the last byte",
        "file on the next page",
        "deleted file",
      ]) {
        const image = images(real)[name]!;
        const { text } = await runInterpreter(program, image);
        const flash = new NorFlash(rulesFor(real), image);
        const files = listFiles(flash).map((file) => [
          file.name,
          crc32(readFile(flash, file.name)!),
          crc32(readFile(flash, file.name, 1, 5)!),
        ]);
        expect(JSON.parse(/@(.*)/.exec(text)![1]!).sort(), name).toEqual(files.sort());
      }
    },
  );
});

async function differing(cases: [string, Uint8Array][], geometry: Geometry): Promise<string[]> {
  const found: string[] = [];
  await eachAtOnce(cases, async ([name, image]) => {
    const { text } = await runInterpreter("print(1)", image);
    const isValid = !text.includes("Storage is corrupt");
    if (verdict(image, geometry) !== isValid) found.push(`${name}: interpreter says ${isValid}`);
  });
  return found;
}

async function realGeometry(): Promise<Geometry> {
  const { text } = await runInterpreter(
    'print("@"+process.env.FLASH+","+require("Flash").getPage(0x10000000).length)',
  );
  const [total, pageBytes] = /@(\d+),(\d+)/.exec(text)!.slice(1).map(Number);
  return { pageBytes: pageBytes!, pages: total! / pageBytes! };
}
