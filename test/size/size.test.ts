import { beforeAll, describe, expect, it } from "vitest";
import { boards } from "../../boards/index.ts";
import { measureSizes, overBudget, type SizeLine } from "../../scripts/size/measure.ts";
import { readBaseline, sizeReport, toBaseline } from "../../scripts/size/report.ts";

let lines: SizeLine[];
beforeAll(async () => {
  lines = await measureSizes();
}, 300_000);

const of = (board: string, name: string) => lines.find((l) => l.board === board && l.name === name);

describe("sizes and check-ins", () => {
  it("are within the budget of each board file", () => {
    expect(overBudget(lines)).toEqual([]);
  });

  it("are measured for every board, each with its core, framework, app and check-in", () => {
    for (const board of Object.keys(boards)) {
      for (const name of ["core", "core/.boot0", "framework", "app", "check-in bytes"])
        expect(of(board, name)!.value, `${board} ${name}`).toBeGreaterThan(0);
      const parts = lines.filter((l) => l.board === board && l.name.startsWith("core/"));
      const headers = 64;
      const sum = parts.reduce((bytes, part) => bytes + part.value, headers);
      expect(of(board, "core")!.value).toBe(sum);
    }
  });

  it("count both ways of a check-in, its airtime and no flash at all", () => {
    const [up, down] = [of("puckjs", "check-in bytes up")!, of("puckjs", "check-in bytes down")!];
    const both = of("puckjs", "check-in bytes")!;
    expect(both.value).toBe(up.value + down.value);
    // A frame of a check-in and its answer cannot be shorter than two heads and two tags.
    expect(down.value).toBeGreaterThan(29 + 7);
    expect(of("puckjs", "check-in radio ms")!.value).toBeCloseTo((both.value * 8) / 1000, 6);
    expect(of("linux", "check-in radio ms")!.value).toBe(0);
    expect(of("puckjs", "check-in flash writes")!.value).toBe(0);
    expect(of("puckjs", "check-in flash erases")!.value).toBe(0);
  });

  it("that are over a budget are named with what was expected and found", () => {
    const line = { board: "puckjs", name: "core", value: 15_801, max: 15_800 };
    expect(overBudget([line])[0]).toMatch(/^puckjs: core: expected at most 15800, got 15801\. /);
    expect(overBudget([{ ...line, value: 15_800 }])).toEqual([]);
    expect(overBudget([{ ...line, max: undefined }])).toEqual([]);
  });

  it("are shown against the saved numbers, which know no board that is gone", () => {
    const saved = readBaseline();
    expect(Object.keys(boards)).toEqual(expect.arrayContaining(Object.keys(saved)));
    expect(saved.puckjs!.core).toBeGreaterThan(0);
    const line = { board: "puckjs", name: "core", value: 100, max: 200 };
    expect(sizeReport([line], { puckjs: { core: 90 } })).toMatch(/core +100 +200 +50 % +\+10\n$/);
    expect(sizeReport([line], { puckjs: { core: 101.5 } })).toMatch(/50 % +-1\.5\n$/);
    expect(sizeReport([line], toBaseline([line]))).toMatch(/core +100 +200 +50 %\n$/);
    expect(sizeReport([line], {})).toMatch(/new\n$/);
  });
});
