import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { readBuildFolder } from "../../scripts/cli/release/buildFolder.ts";
import { sourceTree } from "./support.ts";

const bin = fileURLToPath(new URL("../../scripts/cli/bin.mjs", import.meta.url));
const app = `export const regions = [];
export function start(device: { metric(name: string, value: number): void }) {
  setInterval(() => device.metric("tick", 1), 60000);
}
`;

function fleetling(cwd: string, ...args: string[]) {
  return new Promise<{ code: number; out: string; err: string }>((resolve) => {
    const child = execFile(process.execPath, [bin, ...args], { cwd }, (_, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

test("build works from any folder, writes its files and prints bytes against budgets", async () => {
  const dir = sourceTree({ "app.ts": app });
  const run = await fleetling(dir, "build", "app.ts", "--board", "esp32", "--out", "out");
  expect(run.err).toBe("");
  expect(run.code).toBe(0);
  expect(run.out).toMatch(/^piece +bytes +budget +used$/m);
  expect(run.out).toMatch(/^core\/\.boot0 +\d+$/m);
  expect(run.out).toMatch(/^app +\d+ +170000 +0 %$/m);
  const report = JSON.parse(readFileSync(join(dir, "out/build.json"), "utf8"));
  const image = readFileSync(join(dir, "out/image.js"), "latin1");
  expect(run.out).toContain(`digest ${report.digest}`);
  expect(report).toMatchObject({ board: "esp32", bytes: image.length, pretokenised: false });
  expect(image).toMatch(/^\[.*metric\("tick",1\)/s);
  for (const name of ["core.js", "boot0.js", "page0.js", "names.json"])
    expect(existsSync(join(dir, "out", name))).toBe(true);
}, 120_000);

test("build --json --pretokenise prints one object and packs the image", async () => {
  const dir = sourceTree({ "app.ts": `${app}export const commands = { ring() {} };\n` });
  const args = ["build", "app.ts", "-b", "esp32", "-o", "out", "--json", "--pretokenise"];
  const run = await fleetling(dir, ...args);
  expect(run.err).toBe("");
  const report = JSON.parse(run.out);
  expect(report).toMatchObject({ pretokenised: true, commands: ["ring"] });
  expect(readBuildFolder(join(dir, "out"))).toMatchObject({ commands: ["ring"] });
  expect(readFileSync(join(dir, "out/image.js")).some((byte) => byte > 0x7e)).toBe(true);
}, 120_000);

test("a refused build tells place, code and remedy without a stack, and fails", async () => {
  const dir = sourceTree({ "app.ts": `${app}new Map();\n` });
  const run = await fleetling(dir, "build", "app.ts", "--board", "puckjs", "--out", "out");
  expect(run).toMatchObject({ code: 1, out: "" });
  expect(run.err).toBe(
    'app.ts:5:5: BUILD_API: app: global "Map", which the interpreter lacks. ' +
      "Use a plain object, or an array of pairs.\n",
  );
  expect(existsSync(join(dir, "out"))).toBe(false);
}, 60_000);

test("an unknown board and a missing app are told in one line", async () => {
  const dir = sourceTree({ "app.ts": app });
  const board = await fleetling(dir, "build", "app.ts", "--board", "arduino", "--out", "out");
  expect(board).toMatchObject({ code: 1 });
  expect(board.err).toMatch(/^BUILD_BOARD_UNKNOWN: board: expected one of .*got "arduino"\..*\n$/);
  const none = await fleetling(dir, "build", "none.ts", "--board", "puckjs", "--out", "out");
  expect(none).toMatchObject({ code: 1 });
  expect(none.err).toMatch(/^none\.ts: BUILD_SYNTAX: .*none\.ts.*\n$/);
}, 60_000);

test("help shows an example and a smallest app", async () => {
  const run = await fleetling(sourceTree({}), "build", "--help");
  expect(run.out).toContain("$ fleetling build app.ts --board puckjs --out build");
  expect(run.out).toContain("export const regions = [];");
}, 60_000);
