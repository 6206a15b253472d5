/** What builds keep between runs: results by their inputs, and nothing that could change a text. */
import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { cacheFolder, openStore, prune } from "../../scripts/cli/build/cacheStore.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const app = "scripts/examples/button.ts";
const key = "ab".repeat(32);

const newFolder = () => mkdtempSync(join(tmpdir(), "fleetling-cache-"));

/** Builds in a process of its own. @returns its report, with the digests of all texts */
function build(cache: string): string {
  const out = join(newFolder(), "build");
  const words = [
    "scripts/cli/bin.mjs",
    "build",
    app,
    "--board",
    "puckjs",
    "--pretokenise",
    "--out",
    out,
  ];
  const env = { ...process.env, FLEETLING_BUILD_CACHE: cache };
  execFileSync(process.execPath, words, { cwd: root, env, stdio: "pipe" });
  return readFileSync(join(out, "build.json"), "utf8");
}

it("a build gives the same without a folder, with an empty one, with a full one and with a damaged one", () => {
  const without = build("off");
  const folder = newFolder();
  expect(build(folder)).toBe(without);
  const names = readdirSync(folder).sort();
  expect(names.length).toBeGreaterThan(20);
  expect(build(folder)).toBe(without);
  expect(readdirSync(folder).sort()).toEqual(names);
  for (const name of names.filter((_, i) => i % 9 === 0)) {
    const path = join(folder, name);
    const text = readFileSync(path, "utf8");
    writeFileSync(path, text.slice(0, -3) + text.slice(-1));
  }
  expect(build(folder)).toBe(without);
});

it("what was kept is given back; what was cut short or changed is not", () => {
  const folder = newFolder();
  const store = openStore(folder)!;
  expect(store.read(key)).toBeUndefined();
  store.write(key, '"text"');
  expect(store.read(key)).toBe('"text"');
  const path = join(folder, key);
  const whole = readFileSync(path, "utf8");
  for (const damaged of [
    whole.slice(0, -1),
    whole.slice(0, 10),
    "",
    whole.replace("text", "tent"),
  ]) {
    writeFileSync(path, damaged);
    expect(store.read(key)).toBeUndefined();
  }
});

it("a folder that cannot be written costs time only", () => {
  const file = join(newFolder(), "file");
  writeFileSync(file, "");
  const store = openStore(join(file, "below"))!;
  store.write(key, '"text"');
  expect(store.read(key)).toBeUndefined();
});

it("over its limit a folder loses its oldest results, down to half", () => {
  const folder = newFolder();
  for (const [i, name] of ["a", "b", "c", "d", "e"].entries()) {
    writeFileSync(join(folder, name), "x".repeat(100));
    utimesSync(join(folder, name), 1_000 + i, 1_000 + i);
  }
  prune(folder, 500);
  expect(readdirSync(folder)).toHaveLength(5);
  prune(folder, 499);
  expect(readdirSync(folder)).toEqual(["d", "e"]);
});

it("results lie in the working folder's node_modules, where told, or nowhere", () => {
  const dir = newFolder();
  expect(cacheFolder({}, dir)).toBeNull();
  mkdirSync(join(dir, "node_modules"));
  expect(cacheFolder({}, dir)).toBe(join(dir, "node_modules/.cache/fleetling"));
  expect(cacheFolder({ FLEETLING_BUILD_CACHE: "/elsewhere" }, dir)).toBe("/elsewhere");
  expect(cacheFolder({ FLEETLING_BUILD_CACHE: "off" }, dir)).toBeNull();
});
