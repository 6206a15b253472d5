import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterAll, describe, expect, it } from "vitest";
import { boards } from "../../boards/index.ts";
import { Rec } from "../../firmware/flash/journal.ts";
import { JournalHistory, type JournalMaker } from "../../scripts/powercut/bulk.ts";
import type { Finding } from "../../scripts/powercut/judge.ts";
import { openJournal } from "../../scripts/powercut/view.ts";
import { NorFlash } from "../../scripts/sim/flash/norFlash.ts";
import { rulesOf } from "../../scripts/sim/flash/rules.ts";

const dir = mkdtempSync(join(tmpdir(), "fleetling-journal-"));
afterAll(() => rmSync(dir, { recursive: true }));

/** The shipped journal with one passage of its source changed. @throws when the passage is not there any more */
async function broken(name: string, from: string, to: string): Promise<JournalMaker> {
  const source = readFileSync("firmware/flash/journal.ts", "utf8");
  if (!source.includes(from)) throw new Error(`journal.ts: expected to find ${from}`);
  const outfile = join(dir, `${name}.mjs`);
  await build({
    stdin: {
      contents: `${source.replace(from, to)}\nexport { setHal } from "../hal/current.ts";`,
      resolveDir: "firmware/flash",
      loader: "ts",
    },
    ...{ bundle: true, format: "esm", outfile, logLevel: "silent" },
  });
  return import(pathToFileURL(outfile).href);
}

/** Cuts one history from a step on, long enough to change halves. @returns the ids and texts of what ended badly */
function play(boardId: string, from: number, maker?: JournalMaker): string[] {
  const bad: string[] = [];
  const heard = (id: string, [first]: Finding[]) =>
    void bad.push(`${id} ${first!.outcome}: ${first!.text}`);
  new JournalHistory(boardId, 0, maker).play(150, 1000, 1, heard, from);
  return bad;
}

describe("the journal under power cuts", () => {
  it.each(["puckjs", "esp32", "linux"])("keeps every record old or new on %s", (boardId) => {
    expect(play(boardId, 30)).toEqual([]);
  });

  it("is seen to lose records when a half is marked before it is filled", async () => {
    const maker = await broken(
      "marked-first",
      "eraseHalf(1 - old);\n    let a",
      "eraseHalf(1 - old);\n    s[S.Page]!++;\n    writeHeader(other);\n    s[S.Page]!--;\n    let a",
    );
    const bad = play("linux", 30, maker);
    expect(bad.filter((text) => text.includes("neither old nor new")).length).toBeGreaterThan(0);
  });

  it("is seen to hide records when a torn mark ends a half", async () => {
    const maker = await broken(
      "hiding",
      "if (!torn) found(a, type);",
      "if (torn) return 0; found(a, type);",
    );
    expect(play("puckjs", 0, maker).length).toBeGreaterThan(0);
  });
});

describe("the journal of a board whose blocks bear few writes", () => {
  it("writes no block more often than that, however often secrets change", () => {
    const board = boards.puckjs!;
    const flash = new NorFlash(rulesOf(board));
    const j = openJournal(board, flash);
    for (let n = 1; n <= 60; n++) {
      j.put(Rec.Settings, [n, { name: "x".repeat(7 * n) }]);
      j.put(Rec.Key, [n, new Uint8Array(32).fill(n), new Uint8Array(32), new Uint8Array(8), 1]);
      j.put(Rec.Boot, [n, 0, 0, 0, ""]);
    }
    expect(flash.violations).toEqual([]);
    expect(openJournal(board, flash).get(Rec.Settings)[0]).toBe(60);
  });
});
