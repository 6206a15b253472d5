import { join } from "node:path";
import { expect, test, vi } from "vitest";
import type { BuildError } from "../../scripts/cli/build/errors.ts";
import { boardById, buildApp } from "../../scripts/cli/build/index.ts";
import { sourceTree } from "./support.ts";

// Minifying takes its time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const puck = boardById("puckjs");
const shell = (
  body: string,
) => `declare const require: any, E: any, global: any, Wifi: any, save: any;
export const regions = [];
export function start(device: any) {
${body}
}
`;

async function refusal(body: string): Promise<BuildError> {
  const dir = sourceTree({ "app.ts": shell(body) });
  return buildApp(puck, join(dir, "app.ts")).then(
    (text) => {
      throw new Error(`built: ${text}`);
    },
    (error: BuildError) => error,
  );
}

const refused: [title: string, body: string, code: string, says: RegExp][] = [
  ["an async function", "(async () => 1)();", "BUILD_LANGUAGE", /async function.*Promise\.then/],
  ["a generator", "(function* () { yield 1; })();", "BUILD_LANGUAGE", /generator/],
  ["a label", "a: for (;;) { for (;;) break a; }", "BUILD_LANGUAGE", /label/],
  ["a tagged template", "device.tag`x`;", "BUILD_LANGUAGE", /tagged template/],
  ["a BigInt", "device.x = 1n;", "BUILD_LANGUAGE", /BigInt/],
  [
    "a private field",
    "class A { #x = 1; g() { return this.#x; } } device.a = new A();",
    "BUILD_LANGUAGE",
    /private/,
  ],
  [
    "a class that extends Error",
    "class A extends Error {} throw new A();",
    "BUILD_LANGUAGE",
    /extends Error/,
  ],
  ["new.target", "device.f = function () { return new.target; };", "BUILD_LANGUAGE", /new\.target/],
  ["debugger", "debugger;", "BUILD_LANGUAGE", /debugger/],
  ["a wide character", 'device.s = "\\u{1F600}";', "BUILD_LANGUAGE", /U\+00FF/],
  ["a regular expression with (?", "device.r = /(?:a)/.test('a');", "BUILD_LANGUAGE", /group/],
  ["a regular expression with {n}", "device.r = /a{3}/.test('a');", "BUILD_LANGUAGE", /count/],
  [
    "Array.prototype.slice.call",
    "device.a = Array.prototype.slice.call([1]);",
    "BUILD_LANGUAGE",
    /prototype method/,
  ],
  [
    "Object.create with properties",
    "device.o = Object.create({}, { a: { value: 1 } });",
    "BUILD_LANGUAGE",
    /Object\.create/,
  ],
  ["__proto__", "device.o = { __proto__: null };", "BUILD_LANGUAGE", /__proto__/],
  ["Map", "device.m = new Map();", "BUILD_API", /"Map".*plain object/],
  ["Symbol", "device.m = Symbol('x');", "BUILD_API", /"Symbol"/],
  ["fetch", "fetch('http://x');", "BUILD_API", /"fetch".*http/],
  ["a name that nobody defines", "(globalThing as any)();", "BUILD_API", /"globalThing"/],
  ["Array.from", "device.a = Array.from([1]);", "BUILD_API", /Array\.from/],
  ["Object.freeze", "Object.freeze(device);", "BUILD_API", /Object\.freeze/],
  ["flat()", "device.a = [[1]].flat();", "BUILD_API", /flat\(\)/],
  ["finally()", "Promise.resolve().finally(() => {});", "BUILD_API", /finally\(\)/],
  ["a library from a package", 'require("MPU6050");', "BUILD_API", /MPU6050.*import/],
  ["a computed require", "require(device.name);", "BUILD_API", /computed name/],
  [
    "Storage.write",
    'require("Storage").write("a", "b");',
    "BUILD_BANNED",
    /Storage\.write.*settings/,
  ],
  [
    "Storage.erase by a const",
    'const s = require("Storage"); s.erase("a");',
    "BUILD_BANNED",
    /Storage\.erase/,
  ],
  ["Storage by quotes", 'require("Storage")["open"]("a", "w");', "BUILD_BANNED", /Storage\.open/],
  ["Storage handed on", 'device.x(require("Storage"));', "BUILD_BANNED", /handed on/],
  ["Storage.compact", 'require("Storage").compact();', "BUILD_BANNED", /compact/],
  ["save()", "save();", "BUILD_BANNED", /save/],
  ["save() on global", "global.save();", "BUILD_BANNED", /save/],
  ["E.setBootCode", 'E.setBootCode("1");', "BUILD_BANNED", /setBootCode/],
  ["wifi.save", 'const w = require("Wifi"); w.save();', "BUILD_BANNED", /Wifi\.save/],
  ["onErrorSave", "E.setFlags({ onErrorSave: 1 });", "BUILD_BANNED", /onErrorSave/],
  ["E.hwRand", "device.r = E.hwRand();", "BUILD_BANNED", /hwRand/],
  ["Math.random", "device.r = Math.random();", "BUILD_BANNED", /Math\.random.*random\(\)/],
  ["E.dumpStr", "device.r = E.dumpStr();", "BUILD_BANNED", /dumpStr/],
  ["writing flash itself", 'require("Flash").write([0], 0);', "BUILD_BANNED", /Flash\.write/],
  ["opening a console", "E.setConsole(null);", "BUILD_BANNED", /setConsole/],
  ["direct eval", 'eval("1");', "BUILD_BANNED", /eval/],
];

for (const [title, body, code, says] of refused)
  test(`an app with ${title} is refused at its line`, async () => {
    const error = await refusal(body);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(says);
    expect(error.findings[0]!.place).toMatchObject({ line: 4 });
    expect(error.findings[0]!.place!.file).toMatch(/app\.ts$/);
  });

test("every refusal of a file is told at once", async () => {
  const error = await refusal("Math.random();\nnew Map();\nsave();");
  expect(error.findings.map((f) => [f.code, f.place?.line])).toEqual([
    ["BUILD_BANNED", 4],
    ["BUILD_API", 5],
    ["BUILD_BANNED", 6],
  ]);
});

test("types may name what the device lacks", async () => {
  const body =
    "const m: Map<string, Set<number>> | null = device.m as Map<string, Set<number>>; device.k = m;";
  const dir = sourceTree({ "app.ts": shell(body) });
  await expect(buildApp(puck, join(dir, "app.ts"))).resolves.toContain(".k=");
});

test("a method of the app's own may have the name of a missing one", async () => {
  const dir = sourceTree({
    "app.ts": shell("const o = { at: (i: number) => i }; device.k = o.at(1);"),
  });
  await expect(buildApp(puck, join(dir, "app.ts"))).resolves.toContain(".k=");
});

test("an imported file is refused at its own line", async () => {
  const dir = sourceTree({
    "app.ts": `import { f } from "./lib.ts";\nexport const regions = [];\nexport function start() { f(); }`,
    "lib.ts": "\n\nexport const f = () => new WeakMap();",
  });
  const error = await buildApp(puck, join(dir, "app.ts")).catch((e) => e);
  expect(error.findings[0].place).toMatchObject({ line: 3, column: 28 });
  expect(error.findings[0].place.file).toMatch(/lib\.ts$/);
});
