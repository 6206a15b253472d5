import { join } from "node:path";
import { runInNewContext } from "node:vm";
import { expect, test, vi } from "vitest";
import { boardById, buildApp, detokenise, pretokenise } from "../../scripts/cli/build/index.ts";
import { espruinoBin, needsEspruino, runEspruino, sourceTree } from "./support.ts";

// Minifying takes its time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

/** Language that the build lowers, each with what it must print. */
const app = `
import { scale, Unit } from "./lib.ts";
declare const print: (...values: unknown[]) => void;
class Log {
  lines: string[] = [];
  size;
  static made = 0;
  add(...lines: string[]) { this.lines.push(...lines); Log.made++; return this; }
  get count() { return this.lines.length; }
}
class Loud extends Log {
  override add(...lines: string[]) { return super.add(...lines.map((l) => l.toUpperCase())); }
}
const early = () => late(2);
export const regions = [];
export function start(device: { name?: string; deep?: { value?: number }; list: number[] }) {
  print("T", early());
  const { name = "none", ...rest } = device;
  print("T", name, Object.keys(rest).join());
  print("T", device?.deep?.value ?? 7, 2 ** 10, [...device.list, 4].join(""));
  const made: (() => number)[] = [];
  for (let i = 0; i < 3; i++) made.push(() => i);
  print("T", made.map((f) => f()).join());
  let a = null as number | null;
  a ??= 5;
  a ||= 6;
  print("T", a, { ["k" + a]: 1, ...{ z: 2 } }["k5"]);
  print("T", new Loud().add("x", "y").lines.join(), new Log().add("q").count, Log.made);
  print("T", scale(3), Unit.Kilo, \`t\${1 + 1}\`, "\\xe9".charCodeAt(0), /b+/.exec("abbc")![0].length);
  print("T", Math.max(...device.list), typeof a === "number", void 0 === device.deep, !0);
  switch (a) { case 5: print("T", "five"); break; default: print("T", "other"); }
  try { throw new Error("bad"); } catch (e) { print("T", (e as Error).message); }
}
function late(n: number) { return n * 2; }
`;
const lib = `export const enum Unit { One = 1, Kilo = 1000 }
export const scale = (n: number, by = Unit.Kilo) => n * by;`;
const expected = [
  "4",
  "none list",
  "7 1024 1234",
  "0,1,2",
  "5 1",
  "X,Y 1 2",
  "3000 1000 t2 233 2",
  "3 true true true",
  "five",
  "bad",
];

async function appText(board: string, pretokenised = false): Promise<string> {
  const dir = sourceTree({ "app.ts": app, "lib.ts": lib });
  return buildApp(boardById(board), join(dir, "app.ts"), { pretokenise: pretokenised });
}

function runInNode(text: string): string[] {
  const lines: string[] = [];
  const print = (_: string, ...values: unknown[]) => lines.push(values.join(" "));
  runInNewContext(`(${text})().start({list:[1,2,3]})`, { print });
  return lines;
}

test("an app's text is one expression whose exports keep their names", async () => {
  const text = await appText("puckjs");
  const exports = runInNewContext(`(${text})()`, { print: () => {} });
  expect(Object.keys(exports).sort()).toEqual(["regions", "start"]);
});

test("lowered code means the same in Node", async () => {
  expect(runInNode(await appText("puckjs"))).toEqual(expected);
});

test("no construct is left that the interpreter lacks", async () => {
  const text = await appText("puckjs");
  expect(text).not.toMatch(/\.\.\.|\?\.|\*\*|\?\?=|[^\x20-\x7e]/);
  expect(text).not.toContain("Kilo");
});

test("pretokenised code is at least a tenth shorter and detokenises to the same meaning", async () => {
  const plain = await appText("puckjs");
  const packed = await appText("puckjs", true);
  expect(packed.length).toBeLessThan(plain.length * 0.9);
  expect(runInNode(detokenise(packed))).toEqual(expected);
  expect(runInNode(detokenise(Buffer.from(packed, "latin1")))).toEqual(expected);
});

for (const packed of [false, true])
  test.skipIf(!espruinoBin)(
    `${packed ? "pretokenised" : "plain"} code means the same on the interpreter${needsEspruino}`,
    async () => {
      const text = await appText("puckjs", packed);
      const lines = await runEspruino(`(${text})().start({list:[1,2,3]});print("T end")`);
      expect(lines).toEqual([...expected, "end"]);
    },
  );

test("reserved words begin at 163, right after =>", () => {
  expect(pretokenise("a=>a")).toBe("a\xa2a");
  expect(pretokenise("if(a)of")).toBe("\xa3(a)\xc6");
  expect(pretokenise("a==b")).toBe("a\x8ab");
  expect(pretokenise("a^=b")).toBe("a\xa1b");
});

test("strings become raw bytes, long ones with two length bytes, empty ones stay", () => {
  expect(pretokenise('"a\\xe9\\n"')).toBe("\xd1\x03a\xe9\n");
  expect(pretokenise(`'${"x".repeat(300)}'`)).toBe(`\xd2\x2c\x01${"x".repeat(300)}`);
  expect(pretokenise('""')).toBe('""');
});

test("templates and regular expressions are copied", () => {
  const nested = "`if $" + "{`a $" + "{b}`} of`";
  expect(pretokenise(nested)).toBe(nested);
  expect(pretokenise("x=/if=='a'/g")).toBe("x=/if=='a'/g");
  expect(pretokenise("a/b/c")).toBe("a/b/c");
});

test("every operator and reserved word comes back", () => {
  expect(detokenise(pretokenise("for(let i=0;i<=9;i++)a=a||b&&c"))).toBe(
    "for(let i=0;i<=9;i++)a=a||b&&c",
  );
});

test("a space stays where two pieces would run together", () => {
  expect(pretokenise("a- -b")).toBe("a- -b");
  expect(pretokenise("1 .x")).toBe("1 .x");
  expect(pretokenise("typeof a")).toBe("\xbfa");
  expect(detokenise(pretokenise("typeof a"))).toBe("typeof a");
  expect(detokenise(pretokenise("a- --b"))).toBe("a- --b");
});

test("bytes that are no code are refused when tokenising", () => {
  expect(() => pretokenise("a\x07b")).toThrow(/BUILD_TOKENS.*byte 1/);
  expect(() => pretokenise('"open')).toThrow(/BUILD_TOKENS/);
});
