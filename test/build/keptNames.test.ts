/** Names go from a release to the next build, by build folder or by release file, and never silently get lost. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { namesDigest, namesOfBuild, previousNames } from "../../scripts/cli/build/keptNames.ts";
import { createKeys } from "../../scripts/cli/keys/store.ts";
import { register } from "../../scripts/cli/release/command.ts";
import { image } from "../host/suitFixture.ts";
import { sourceTree } from "./support.ts";

const kept = { names: { sequence: "ab" }, locals: { app: { start: "a" } } };
const text = JSON.stringify(kept);
const board = "puckjs";
const refusal = expect.objectContaining({ code: "BUILD_PREVIOUS" });

describe("the build folder of the release before", () => {
  const folder = (id: string, names: string, more: object = {}) =>
    sourceTree({ "build.json": JSON.stringify({ board: id, ...more }), "names.json": names });

  it("gives its names", () => {
    const dir = folder(board, text, { names: namesDigest(text) });
    expect(namesOfBuild(dir, board)).toEqual(kept);
    expect(previousNames({ board, previous: dir })).toEqual({
      kept,
      note: `the names of the build in ${dir} are kept`,
    });
  });
  it.each([
    ["it is not one", "/nowhere"],
    ["it is of another board", folder("esp32", text)],
    ["its names are no names", folder(board, JSON.stringify({ names: { a: "1+1" }, locals: {} }))],
    ["its local names are missing", folder(board, JSON.stringify({ names: {} }))],
    ["its names are cut", folder(board, text.slice(0, 20))],
    ["its names are those of another build", folder(board, text, { names: namesDigest("") })],
  ])("is refused when %s", (_, previous) => {
    expect(() => previousNames({ board, previous })).toThrow(refusal);
  });
});

describe("the release file", () => {
  let made: string;
  let dir: string;
  let words: string[];
  beforeAll(() => {
    made = mkdtempSync(join(tmpdir(), "names-"));
    createKeys({ dir: join(made, "keys"), height: 5 });
  });
  afterAll(() => rmSync(made, { recursive: true }));
  beforeEach(async () => {
    dir = mkdtempSync(join(made, "case-"));
    mkdirSync(join(dir, "build"));
    const report = { board, names: namesDigest(text) };
    writeFileSync(join(dir, "build", "build.json"), JSON.stringify(report));
    writeFileSync(join(dir, "build", "image.js"), image);
    writeFileSync(join(dir, "build", "names.json"), text);
    words = ["release", "sign", join(dir, "build"), "--keys", join(made, "keys")];
    words.push(
      "--model",
      "sensor-1",
      "--vendor",
      "example.com",
      "--sequence",
      "7",
      "--name",
      "1.7",
    );
    words.push("--type", "fix", "--notes", "x", "--out", join(dir, "release.json"));
    words.push("--skip-check", "A test's image.", "--person", "Ann");
  });

  /** Signs, and gives what was warned of. */
  async function sign(): Promise<string> {
    let warned = "";
    const quiet = vi.spyOn(process.stdout, "write").mockImplementation(() => true);
    const warn = vi.spyOn(process.stderr, "write").mockImplementation((one) => {
      warned += one;
      return true;
    });
    try {
      const program = new Command().exitOverride();
      register(program);
      await program.parseAsync(words, { from: "user" });
    } finally {
      quiet.mockRestore();
      warn.mockRestore();
    }
    return warned;
  }
  const namesFile = () => join(dir, "names", readdirSync(join(dir, "names"))[0]!);
  const note = () => `the names of release 7 (${join(dir, "release.json")}) are kept`;
  const next = (more: object = {}) => previousNames({ board, dir, ...more });

  it("refers to the names by their digest, keeps them beside it, and the next build takes them by itself", async () => {
    expect(await sign()).not.toContain("names.json");
    const { images } = JSON.parse(readFileSync(join(dir, "release.json"), "utf8"));
    expect(images[0].names).toBe(namesDigest(text));
    expect(readFileSync(namesFile(), "utf8")).toBe(text);
    expect(next()).toEqual({ kept, note: note() });
    expect(next({ newNames: true })).toEqual({ kept: null, note: null });
    const previous = join(dir, "release.json");
    expect(previousNames({ board, previous }).kept).toEqual(kept);
  });

  it("whose names are missing or damaged stops the next build by a code that says which file", async () => {
    await sign();
    writeFileSync(namesFile(), text.replace("ab", "ac"));
    expect(() => next()).toThrow(/names.puckjs-\w{16}\.json: BUILD_PREVIOUS: .*expected digest/);
    rmSync(namesFile());
    expect(() => next()).toThrow(/the names of release 7 .*ENOENT.*--new-names/);
    expect(() => next({ previous: "build", newNames: true })).toThrow(refusal);
  });

  it("that is damaged stops the next build too", async () => {
    await sign();
    writeFileSync(join(dir, "release.json"), "{");
    expect(() => next()).toThrow(/^RELEASE_FILE: .*release\.json/);
  });

  it("without an image for the board says that names are given anew; named by hand, it is refused", async () => {
    await sign();
    expect(next({ board: "esp32" })).toEqual({
      kept: null,
      note: `release 7 (${join(dir, "release.json")}) has no image for esp32: all names are given anew`,
    });
    const named = () => next({ board: "esp32", previous: join(dir, "release.json") });
    expect(named).toThrow(refusal);
  });

  it("is signed with a warning where a build has no names, and not at all with those of another build", async () => {
    writeFileSync(join(dir, "build", "names.json"), text.replace("ab", "ac"));
    await expect(sign()).rejects.toThrow(
      /^RELEASE_INPUT: .*names\.json: expected the names of the build/,
    );
    rmSync(join(dir, "build", "names.json"));
    expect(await sign()).toContain(
      "Warning: the build for puckjs has no names.json: the next update will be large\n",
    );
  });

  it.each([
    ["build.json", "{"],
    ["build.json", "[]"],
    ["build.json", JSON.stringify({ board, digest: "00" })],
    ["names.json", "{"],
  ])("is not made from a folder with a damaged %s (%s)", async (name, damaged) => {
    writeFileSync(join(dir, "build", name), damaged);
    await expect(sign()).rejects.toMatchObject({
      code: expect.stringMatching(/^RELEASE_INPUT|BUILD_PREVIOUS$/),
    });
  });
});
