import { beforeAll, describe, expect, it } from "vitest";
import { makeRig } from "../../scripts/powercut/bench.ts";
import type { Mutation } from "../../scripts/powercut/device.ts";
import type { FlowName } from "../../scripts/powercut/flows.ts";
import type { Finding } from "../../scripts/powercut/judge.ts";
import { type Material, makeMaterial } from "../../scripts/powercut/material.ts";
import { readOptions } from "../../scripts/powercut/options.ts";
import { findPoint, type News, sweepBoard } from "../../scripts/powercut/plan.ts";
import { Report } from "../../scripts/powercut/report.ts";
import { playPoint } from "../../scripts/powercut/sweep.ts";

let puckjs: Material;
beforeAll(async () => {
  puckjs = await makeMaterial("puckjs");
});

/** Sweeps one flow of a device that is broken on purpose. @returns "outcome: text" of what it finds, each once */
async function caught(
  flow: FlowName,
  mutations: Mutation[],
  material = puckjs,
  limit = 90,
): Promise<Set<string>> {
  const found: Finding[] = [];
  const rig = await makeRig(material, mutations);
  const sweep = { rig, flows: [flow], seed: 1, draws: 0, limit, boardCuts: 1, variants: 0 };
  sweepBoard(sweep, (news) => {
    // The whole board runs the shipped texts, which nobody broke.
    if (news.kind === "bad" && news.id.endsWith(":core")) found.push(...news.findings);
  });
  return new Set(found.map(({ outcome, text }) => `${outcome}: ${text}`));
}

const journalFile = "flash/journal.ts";

describe("the sweep sees a design that is broken on purpose", () => {
  it("finds nothing in the one that is not", async () => {
    expect(await caught("update", [])).toEqual(new Set());
  });

  it("a commit mark in one erase unit with the only copy of what it vouches for", async () => {
    const found = await caught("settings", [
      // One half only: it is erased and filled again from memory.
      {
        file: journalFile,
        from: "const halfAt = (i: number) => base + i * halfBytes;",
        to: "const halfAt = (_i: number) => base;",
      },
      {
        file: journalFile,
        from: "halfAt(i + 1) - headerBytes;",
        to: "base + halfBytes - headerBytes;",
      },
      {
        file: journalFile,
        from: "data! : payload(from[S.At + t]!)",
        to: "data! : kept[S.At + t]",
      },
      {
        file: journalFile,
        from: "    eraseHalf(1 - old);\n",
        to: "const kept = from.map((at, i) => i > S.At && at && payload(at));\neraseHalf(old);\n",
      },
      { file: journalFile, from: "    eraseHalf(old);\n  };", to: "  };" },
      {
        file: journalFile,
        from: "if (!blank(other, other + halfBytes)) eraseHalf(1 - half);",
        to: "",
      },
      { file: journalFile, from: "blank(tailAt(half), halfAt(half + 1))", to: "false" },
    ]);
    expect(found).toContain("unbootable: no complete image is active");
  });

  it("a floor that is raised when an image is installed, not when it is confirmed", async () => {
    const from = "slots[6] = d[6];";
    const found = await caught("update", [
      { file: "core/parts/update.ts", from, to: `${from} slots[3] = d[3];` },
    ]);
    expect(found).toContain("lostState: the way back is closed before the confirm");
  });

  it("a key set that changes in a record behind the one that confirms its release", async () => {
    const from = "if (set && set[4]! <= s[0]) next[4]++;";
    const to = `k.put(Rec.Slots, next); ${from}`;
    const broken = { file: "core/parts/state.ts", from, to };
    const found = await caught("keysWith", [broken]);
    expect(found).toContain("lostState: key set 3 waits for what is confirmed");
  });

  it("a key set that is written over the one in force", async () => {
    const from = "const type = a && a[0] === slots[4] ? Rec.KeySetB : Rec.KeySetA;";
    const broken = { file: "runtime/parts/keys.ts", from, to: "const type = Rec.KeySetA;" };
    const found = await caught("keys", [broken]);
    expect([...found].some((text) => /^lostState: key set \[2,1,"/.test(text))).toBe(true);
  });

  it("a command that is begun again although its record says that it was", async () => {
    const from = "if (id !== told[0]) {";
    const to = "if (id !== told[0] || told[1] === Code.CommandRan) {";
    const found = await caught("command", [{ file: "runtime/parts/command.ts", from, to }]);
    expect(found).toContain("lostState: its cloud heard: command 7 answered by 0 after 155");
  });

  it("a page that is trusted because it looks blank", async () => {
    const from = "if (offset % BOARD.pageBytes === 0) k.h.erase(at);";
    const to = from.replace(") k.", " && k.h.read(at, BOARD.pageBytes).some((x) => x < 255)) k.");
    // In recovery the new image goes where an old one stands.
    const found = await caught("recovery", [{ file: "core/parts/update.ts", from, to }], puckjs, 0);
    expect([...found].some((text) => /^lostState: flash rule broken .* torn-page/.test(text))).toBe(
      true,
    );
  });

  it("a Storage that is not filled to its end, with the journal behind the last file", async () => {
    const found = await caught("claim", [], unfilled(puckjs));
    expect(found).toContain("unbootable: the interpreter erased Storage");
  });

  it("and prints a line that plays what it found again", async () => {
    const from = "slots[6] = d[6];";
    const broken = { file: "core/parts/update.ts", from, to: `${from} slots[3] = d[3];` };
    const rig = await makeRig(puckjs, [broken]);
    const sweep = { rig, flows: ["update" as const], seed: 3, draws: 0, limit: 60, boardCuts: 1 };
    const said: string[] = [];
    const report = new Report(readOptions(["--board", "puckjs"]), (text) => void said.push(text));
    let first: News | null = null;
    sweepBoard({ ...sweep, variants: 0 }, (news) => {
      report.take(news);
      if (news.kind === "bad") first ??= news;
    });
    const bad = first as unknown as Extract<News, { kind: "bad" }>;
    expect(said[0]).toBe(`npm run powercut -- --replay ${bad.id}`);
    const { recorded, point, seed, play } = findPoint(
      rig,
      readOptions(["--replay", bad.id]).replay!,
    );
    expect(playPoint(recorded, point, seed, play)).toEqual(bad.findings);
    expect(report.isGood).toBe(false);
    const { cuts, ...summary } = report.summary();
    expect(cuts).toBe(61);
    expect(summary).toMatchObject({ models: 4, flows: 1, boards: 1, unbootable: 0, stuck: 0 });
    expect(summary.lostState).toBeGreaterThan(0);
  });

  it("and a flow that does not end without a cut is a finding of its own, not the end of the sweep", async () => {
    const silent = {
      file: "core/parts/orders.ts",
      from: "client.say([Msg.Commit, m[1], proof]);",
      to: "",
    };
    const rig = await makeRig(puckjs, [silent]);
    const heard: News[] = [];
    const flows = ["claim" as const, "settings" as const];
    const sweep = { rig, flows, seed: 1, draws: 0, limit: 5, boardCuts: 1, variants: 0 };
    sweepBoard(sweep, (news) => void heard.push(news));
    const bad = heard.flatMap((news) => (news.kind === "bad" ? [news] : []));
    expect(bad.map(({ id }) => id)).toEqual(["puckjs:claim:uncut", "puckjs:settings:uncut"]);
    expect(bad[0]!.findings[0]).toMatchObject({
      outcome: "stuck",
      text: "claim does not end without a cut",
    });
  });

  it("says so when a passage to be broken is not there", async () => {
    const nowhere = { file: journalFile, from: "no such passage", to: "" };
    await expect(caught("update", [nowhere])).rejects.toThrow("found 0 times");
  });
});

/** The same pages in another order: the files end before the journal, which belongs to none of them. */
function unfilled(material: Material): Material {
  const { pageBytes, plan } = material.board;
  const page = (i: number) => material.storage.subarray(i * pageBytes, (i + 1) * pageBytes);
  const order = [0, 1, 2, 3, 4, 7, 8, 9, 5, 6];
  const storage = new Uint8Array(Buffer.concat(order.map(page)));
  // The file `slots` ends where `core` begins.
  new DataView(storage.buffer).setUint32(0, 5 * pageBytes - 32, true);
  const moved = (at: number) => (at >= 7 * pageBytes ? at - 2 * pageBytes : at);
  const table = material.texts.table.map((n, i) => (i % 2 ? n : moved(n)));
  const board = { ...material.board, plan: { ...plan, corePage: 5, journalPage: 8 } };
  return { ...material, board, storage, texts: { ...material.texts, table } };
}
