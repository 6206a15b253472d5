/** `fleetling boards`: what a person reads of each board, and what README.md says of them. */
import { describe, expect, it } from "vitest";
import { boards } from "../../boards/index.ts";
import { abilities, boardRow, closeTo, tableHead } from "../../scripts/cli/boards/facts.ts";
import { runCommand } from "../support/command.ts";
import { read, tableRows } from "../tidy/files.ts";

const run = (...words: string[]) => runCommand(["boards", ...words]);

describe("fleetling boards", () => {
  it("prints all boards with plan, promise and what they cannot do, as in the transcript", async () => {
    const { code, out } = await run();
    expect(code).toBe(0);
    await expect(out).toMatchFileSnapshot("boards.txt");
  }, 60_000);

  it("prints one board in full, each value with its source, as in the transcript", async () => {
    const { code, out } = await run("pixljs");
    expect(code).toBe(0);
    await expect(out).toMatchFileSnapshot("boardsPixljs.txt");
    for (const source of Object.values(boards.pixljs!.sources))
      expect(out.replaceAll(/\s+/g, " ")).toContain(source);
  }, 60_000);

  it("prints JSON that holds the board files and what follows from them", async () => {
    const all = JSON.parse((await run("--json")).out).boards as { id: string }[];
    expect(all.map(({ id }) => id)).toEqual(Object.keys(boards));
    const one = JSON.parse((await run("linux", "--json")).out);
    expect(one).toEqual({ ...boards.linux, ...abilities(boards.linux!) });
  }, 60_000);

  it("refuses an unknown board with the ids that are close, and shows examples in its help", async () => {
    const { code, out, error } = await run("pixl.js2");
    expect([code, out]).toEqual([1, ""]);
    expect(error).toMatch(
      /^BOARD_UNKNOWN: board: expected one of puckjs, .*, got "pixl\.js2"\. Did you mean pixljs\?\n$/,
    );
    expect((await run("--help")).out).toContain("$ fleetling boards puckjs --json");
  }, 60_000);
});

describe("a mistyped board", () => {
  it.each([
    ["puck", ["puckjs"]],
    ["microbit", ["microbit2"]],
    ["ESP32-C3", ["esp32c3", "esp32", "esp32s3"]],
    ["bangle.js 2", ["banglejs2"]],
    ["arduino", []],
    ["", []],
  ])("%s is close to %s", (typed, ids) => {
    expect(closeTo(typed)).toEqual(ids);
  });
});

describe("README.md", () => {
  it("shows the boards as the board files have them, all of them and no others", () => {
    const all = Object.values(boards);
    expect(all).toHaveLength(14);
    expect(tableRows(read("README.md"), ...tableHead)).toEqual(all.map(boardRow));
  });
});
