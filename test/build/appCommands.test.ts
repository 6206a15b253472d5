import { describe, expect, it } from "vitest";
import { boardById, buildFirmware, readApp } from "../../scripts/cli/build/index.ts";
import { sourceTree } from "./support.ts";

const start = "export const regions = [];\nexport function start() {}\n";
const app = (declaration: string) =>
  `${sourceTree({ "app.ts": `${start}${declaration}\n` })}/app.ts`;
const read = async (text: string) =>
  (await readApp(boardById("puckjs"), app(`export const commands = ${text};`))).commands;

describe("an app's declared commands", () => {
  it("are read by name, however their functions are written", async () => {
    expect(
      await read('{ a() { return 1; }, b: () => 2, "c": function () {}, d: Math.sin }'),
    ).toEqual(["a", "b", "c", "d"]);
    expect((await readApp(boardById("puckjs"), app(""))).commands).toEqual([]);
  });

  it.each([
    ["[() => 1]", "expected an object of functions"],
    ["Object.create({})", "expected an object of functions"],
    ["{ [start.name]() {} }", "got an expression"],
    ["{ ...Math }", "got an expression"],
    ['{ "9 lives"() {} }', "got 9 lives"],
    ["{ aNameOfSeventeenC() {} }", "got aNameOfSeventeenC"],
    [`{ ${Array.from({ length: 17 }, (_, n) => `c${n}() {}`)} }`, "at most 16, got 17"],
  ])("%s are refused", async (text, words) => {
    await expect(read(text)).rejects.toMatchObject({
      code: "BUILD_COMMANDS",
      message: expect.stringContaining(words),
    });
  });
});

it("what runs commands is in the image of an app that declares some, and counts with it", async () => {
  const options = { pretokenise: true };
  const board = boardById("puckjs");
  const rows = async (declaration: string) => {
    const { sizes, slotParts } = await buildFirmware(board, app(declaration), options);
    const bytes = Object.fromEntries(sizes.map((row) => [row.name, row.bytes]));
    return { bytes, parts: slotParts.map(({ name }) => name) };
  };
  const [without, having] = [await rows(""), await rows("export const commands = { a() {} };")];
  expect([without.parts.at(-1), having.parts.at(-1)]).toEqual(["orders", "command"]);
  expect(without.bytes["app/command"]).toBe(undefined);
  const partBytes = having.bytes["app/command"]!;
  expect(partBytes).toBeGreaterThan(200);
  expect(having.bytes.app! - without.bytes.app!).toBeGreaterThan(partBytes);
  // One more place in the table of parts.
  expect(having.bytes.framework! - without.bytes.framework!).toBeLessThan(8);
});
