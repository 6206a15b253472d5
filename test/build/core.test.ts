import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runInNewContext } from "node:vm";
import { expect, test, vi } from "vitest";
import { boards } from "../../boards/index.ts";
import {
  boardById,
  buildApp,
  buildCore,
  buildRuntime,
  type Core,
  composeImage,
  detokenise,
} from "../../scripts/cli/build/index.ts";
import { sourceTree } from "./support.ts";

// Minifying takes its time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const puck = boardById("puckjs");

/** A core of two parts, a runtime that calls it, an app. */
const sources = {
  "parts/one.ts": `declare const BOARD: any;
import { twice } from "../lib.ts";
export default function (k: any) {
  if (BOARD.link === "mqtt") k.connectToTheBroker("never on a Puck");
  const local = twice(BOARD.pageBytes);
  return { sumOfPages: local + k.baseNumber, "kept": 1, length: 3 };
}`,
  "parts/two.ts": "export default (k: any) => k.partByNumber(0).sumOfPages + 1;",
  "lib.ts": "export function twice(n: number) { return n * 2; }",
  "boot0.ts": `declare const BOARD: any; declare const global: any; declare const require: any;
(() => {
  const parts = BOARD.parts;
  const k: any = {
    baseNumber: 5,
    partByNumber: (p: number) =>
      (global as any)["eval"](require("Storage").read("core", parts[p * 2], parts[p * 2 + 1]))(k),
  };
  global["booted"] = [k.partByNumber(1), BOARD.rssiDbm, BOARD.button !== undefined, k];
})();`,
  "runtime.ts": `export default (k: any, app: any) => app().start({ sum: k.partByNumber(1), ownName: { deepName: 2 } });`,
  "app.ts":
    "export const regions = [];\nexport function start(d: any) { return [d.sum, Object.keys(d)]; }",
};
const tree = () => {
  const dir = sourceTree(sources);
  const parts = ["one", "two"].map((name, id) => ({
    id,
    name,
    file: join(dir, `parts/${name}.ts`),
  }));
  return { dir, core: { parts, boot0File: join(dir, "boot0.ts") } };
};

const coreTextOf = (core: Core) => core.page0Text + core.coreText;

test(".boot0 finds every part where page 0 and file core hold them", async () => {
  const { core } = tree();
  // The smallest page sends one part to page 0 and one to file core.
  const tiny = { ...puck, pageBytes: 0x240 + 40 };
  const built = await buildCore(tiny, core);
  const fileCore = tiny.plan.corePage * tiny.pageBytes + 32;
  const [one, two] = built.parts;
  expect(one).toMatchObject({ name: "one", address: 0x240, bytes: built.page0Text.length });
  expect(two).toMatchObject({ name: "two", address: fileCore, bytes: built.coreText.length });

  const storage = built.page0Text.padStart(0x240 + built.page0Text.length).padEnd(fileCore);
  const read = (_: string, at: number, bytes: number) =>
    (storage + built.coreText).slice(at, at + bytes);
  // biome-ignore lint/suspicious/noExplicitAny: a global object holds anything
  const world: any = { require: () => ({ read }), digitalRead: () => 1, BTN1: 0 };
  world.global = world;
  world.eval = (text: string) => runInNewContext(text, world);
  runInNewContext(built.boot0Text, world);
  expect(world.booted.slice(0, 3)).toEqual([2 * tiny.pageBytes + 6, undefined, true]);
});

test("page 0 takes the largest parts that fit", async () => {
  const { core } = tree();
  const built = await buildCore(puck, core);
  expect(built.coreText).toBe("");
  expect(built.parts.map((part) => part.name)).toEqual(["one", "two"]);
  expect(built.parts[0]!.address).toBe(0x240);
  expect(built.parts[1]!.address).toBe(0x240 + built.parts[0]!.bytes);
});

test("a branch for another board vanishes with what only it used", async () => {
  const { core } = tree();
  const onPuck = await buildCore(puck, core);
  const onEsp = await buildCore(boards.esp32!, core);
  expect(coreTextOf(onPuck)).not.toContain("broker");
  expect(coreTextOf(onPuck)).not.toContain("never on a Puck");
  expect(coreTextOf(onEsp)).toContain("never on a Puck");
});

test("framework names are shortened alike in parts, .boot0 and runtime; quoted and interpreter names stay", async () => {
  const { core, dir } = tree();
  const built = await buildCore(puck, core);
  const runtime = await buildRuntime(puck, join(dir, "runtime.ts"), built.names);
  for (const text of [coreTextOf(built), built.boot0Text, runtime])
    expect(text).not.toMatch(/sumOfPages|partByNumber|baseNumber|ownName/);
  expect(coreTextOf(built)).toMatch(/kept:1/);
  expect(coreTextOf(built)).toMatch(/length:3/);
  expect(runtime).toContain(`.${built.names.partByNumber}(1)`);
  expect(runtime).toContain(".start(");
});

test("a framework name that the interpreter has too is shortened, but never on what is the interpreter's", async () => {
  const { dir, core } = tree();
  const file = join(dir, "parts/two.ts");
  writeFileSync(
    file,
    `declare const require: any; declare const E: any; declare const BOARD: any;
export default (k: any) => {
  const flash = require("Flash");
  return [k.get(1), k.state, flash.read(1), require("Storage").read("a"), E.reboot(), BOARD.serialPort.write("b"), k["write"]];
};`,
  );
  const { names, page0Text } = await buildCore(puck, core);
  expect(page0Text).not.toMatch(/\.(?:get|state)\b/);
  expect(page0Text).toContain(`.${names.get}(1)`);
  const members = page0Text.match(/\.(?:read|reboot|write)\b/g)!;
  expect(members).toEqual([".read", ".read", ".reboot", ".write", ".write"]);
});

test("the kit's short name stands for Uint8Array where the core has one", async () => {
  const { dir, core } = tree();
  writeFileSync(
    join(dir, "parts/two.ts"),
    "export default (k: any) => [new Uint8Array(4), k.partByNumber instanceof Uint8Array];",
  );
  const without = await buildCore(puck, core);
  expect(without.page0Text.match(/Uint8Array/g)).toHaveLength(2);
  const boot0 = readFileSync(core.boot0File, "utf8");
  writeFileSync(
    core.boot0File,
    boot0.replace("baseNumber: 5,", "baseNumber: 5, Bytes: Uint8Array,"),
  );
  const built = await buildCore(puck, core);
  const short = `\\.${built.names.Bytes}\\b`;
  expect(built.page0Text).not.toContain("Uint8Array");
  expect(built.page0Text.match(new RegExp(short, "g"))).toHaveLength(2);
  expect(built.boot0Text.match(/Uint8Array/g)).toHaveLength(1);
});

test("an image is [runtime, app] and runs against the core it was built for", async () => {
  const { core, dir } = tree();
  const built = await buildCore(puck, core);
  const runtime = await buildRuntime(puck, join(dir, "runtime.ts"), built.names, {
    reserved: ["sum"],
  });
  const app = await buildApp(puck, join(dir, "app.ts"));
  const [run, makeApp] = runInNewContext(composeImage(runtime, app), {});
  const kit = { [built.names.partByNumber!]: (p: number) => p + 40 };
  expect(run(kit, makeApp)).toEqual([41, ["sum", expect.stringMatching(/^[a-zA-Z]{1,2}$/)]]);
});

test("a pretokenised image runs after detokenising", async () => {
  const { core, dir } = tree();
  const options = { pretokenise: true, reserved: ["sum"] };
  const built = await buildCore(puck, core, options);
  const runtime = await buildRuntime(puck, join(dir, "runtime.ts"), built.names, options);
  const app = await buildApp(puck, join(dir, "app.ts"), options);
  const [run, makeApp] = runInNewContext(detokenise(composeImage(runtime, app)), {});
  const kit = { [built.names.partByNumber!]: (p: number) => p + 40 };
  expect(run(kit, makeApp)[0]).toBe(41);
});

test("a board file's field can be replaced for a stand-in", async () => {
  const { core } = tree();
  const standIn = { ...puck, button: undefined, pageBytes: 1024 };
  const built = await buildCore(standIn, core);
  expect(built.boot0Text).not.toContain("digitalRead");
  expect(coreTextOf(built)).toContain("2048");
});

test("the same sources give the same texts", async () => {
  const a = await buildCore(puck, tree().core);
  const b = await buildCore(puck, tree().core);
  expect(a).toEqual(b);
});

async function failing(files: Record<string, string>, work: (dir: string) => Promise<unknown>) {
  const dir = sourceTree({ ...sources, ...files });
  return work(dir).then(
    () => {
      throw new Error("built");
    },
    (error) => error,
  );
}
const coreOf = (dir: string) => ({
  parts: [{ id: 0, name: "one", file: join(dir, "parts/one.ts") }],
  boot0File: join(dir, "boot0.ts"),
});

test("an unknown board is refused with the known ones", () => {
  expect(() => boardById("puck")).toThrow(
    /BUILD_BOARD_UNKNOWN.*one of puckjs, .*, linux, got "puck"/,
  );
  expect(() => boardById("constructor")).toThrow(/BUILD_BOARD_UNKNOWN/);
});

test("a syntax error is refused at file, line and column", async () => {
  const error = await failing(
    { "app.ts": "export const regions = [];\nexport function start( {" },
    (dir) => buildApp(puck, join(dir, "app.ts")),
  );
  expect(error.code).toBe("BUILD_SYNTAX");
  expect(error.message).toMatch(/app\.ts:2:\d+: BUILD_SYNTAX/);
});

test("a missing import is refused where it stands", async () => {
  const error = await failing(
    { "app.ts": 'import { x } from "./none.ts";\nexport const start = x;' },
    (dir) => buildApp(puck, join(dir, "app.ts")),
  );
  expect(error.message).toMatch(/app\.ts:1:\d+: BUILD_SYNTAX.*none\.ts/);
});

const shapes: [title: string, text: string, code: string][] = [
  ["without start", "export const regions = [];", "BUILD_NO_START"],
  ["without regions", "export function start() {}", "BUILD_NO_REGIONS"],
  [
    "with regions that are no table",
    "export const regions = 3; export function start() {}",
    "BUILD_NO_REGIONS",
  ],
];
for (const [title, text, code] of shapes)
  test(`an app ${title} is refused`, async () => {
    const error = await failing({ "app.ts": text }, (dir) => buildApp(puck, join(dir, "app.ts")));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(/Write "export/);
  });

test("a piece over the board's budget is refused with its bytes", async () => {
  const small = { ...puck, budget: { coreBytes: 100, frameworkBytes: 10, appBytes: 20 } };
  const core = await failing({}, (dir) => buildCore(small, coreOf(dir)));
  expect(core.message).toMatch(
    /BUILD_BUDGET: Puck\.js: expected at most 100 bytes, got \d+ \(one \d+, \.boot0 \d+, headers 64\)/,
  );
  const app = await failing({}, (dir) => buildApp(small, join(dir, "app.ts")));
  expect(app.message).toMatch(/expected at most 20 bytes, got \d+ \(app \d+\)/);
});

test("an unknown board field and BOARD by itself are refused", async () => {
  const unknown = await failing(
    { "parts/one.ts": "declare const BOARD: any;\nexport default () => BOARD.colour;" },
    (dir) => buildCore(puck, coreOf(dir)),
  );
  expect(unknown.message).toMatch(/BUILD_BOARD_FIELD.*got "colour"/);
  const whole = await failing(
    { "parts/one.ts": "declare const BOARD: any;\nexport default (k: any) => k.all(BOARD);" },
    (dir) => buildCore(puck, coreOf(dir)),
  );
  expect(whole.message).toMatch(/BUILD_BOARD_FIELD.*BOARD by itself/);
  const parts = await failing(
    { "parts/one.ts": "declare const BOARD: any;\nexport default () => BOARD.parts;" },
    (dir) => buildCore(puck, coreOf(dir)),
  );
  expect(parts.message).toMatch(/BUILD_BOARD_FIELD.*parts is known to \.boot0 only/);
});

test("a part without a default export is refused", async () => {
  const error = await failing({ "parts/one.ts": "export const x = 1;" }, (dir) =>
    buildCore(puck, coreOf(dir)),
  );
  expect(error.message).toMatch(/BUILD_SHAPE.*part/);
});

test("the rest of an object is refused in framework code, whose names are shortened", async () => {
  const error = await failing(
    {
      "parts/one.ts": "export default (k: any) => { const { a, ...rest } = k; return [a, rest]; };",
    },
    (dir) => buildCore(puck, coreOf(dir)),
  );
  expect(error.message).toMatch(/BUILD_LANGUAGE: framework: rest of an object/);
});

test("a runtime that quotes a key which is a short name of the core is refused", async () => {
  const { core } = tree();
  const built = await buildCore(puck, core);
  const short = Object.values(built.names)[0]!;
  const error = await failing(
    { "runtime.ts": `export default (k: any, app: any) => app({ "${short}": k });` },
    (dir) => buildRuntime(puck, join(dir, "runtime.ts"), built.names),
  );
  expect(error.code).toBe("BUILD_NAME_CLASH");
});

test("an app name that the core has shortened is refused", async () => {
  const { core, dir } = tree();
  const built = await buildCore(puck, core);
  await expect(
    buildRuntime(puck, join(dir, "runtime.ts"), built.names, { reserved: ["partByNumber"] }),
  ).rejects.toThrow(/BUILD_NAME_CLASH.*partByNumber/);
});
