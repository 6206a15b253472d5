import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterAll, describe, expect, it } from "vitest";
import { JournalHistory, type JournalMaker } from "../../scripts/powercut/bulk.ts";
import type { Finding } from "../../scripts/powercut/judge.ts";

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
      "torn = !ok && !(marked && head[1]! & 1);",
      "if (!ok && !(marked && head[1]! & 1)) return 0;",
    );
    expect(play("puckjs", 0, maker).length).toBeGreaterThan(0);
  });
});
