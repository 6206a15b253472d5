/** Cuts that leave equal devices are played to their end once: that must find what playing all of them finds. */
import { beforeAll, describe, expect, it } from "vitest";
import { makeRig, type Rig } from "../../scripts/powercut/bench.ts";
import type { Mutation } from "../../scripts/powercut/device.ts";
import type { FlowName } from "../../scripts/powercut/flows.ts";
import type { Finding } from "../../scripts/powercut/judge.ts";
import { type Material, makeMaterial } from "../../scripts/powercut/material.ts";
import { Memo } from "../../scripts/powercut/memo.ts";
import { playPoint, pointId, recordFlows } from "../../scripts/powercut/sweep.ts";

let puckjs: Material;
beforeAll(async () => {
  puckjs = await makeMaterial("puckjs");
});

/** Plays all cuts of a flow. @returns what was found, by cut */
function found(rig: Rig, flow: FlowName, memo?: Memo): Map<string, Finding[]> {
  const all = new Map<string, Finding[]>();
  for (const recorded of recordFlows(rig, (name) => name === flow, "core", 0))
    for (const point of recorded.points) {
      const findings = playPoint(recorded, point, 1, "core", { memo });
      all.set(pointId(recorded, point, 1, "core"), findings);
    }
  return all;
}

describe("a sweep that plays equal devices once", () => {
  it.each<[string, FlowName, Mutation[]]>([
    ["a design that holds", "confirm", []],
    [
      "one that writes over the key set in force",
      "keys",
      [
        {
          file: "runtime/parts/keys.ts",
          from: "const type = a && a[0] === slots[4] ? Rec.KeySetB : Rec.KeySetA;",
          to: "const type = Rec.KeySetA;",
        },
      ],
    ],
  ])("finds in %s what a sweep finds that plays all", async (_what, flow, mutations) => {
    const rig = await makeRig(puckjs, mutations);
    const memo = new Memo();
    const short = found(rig, flow, memo);
    expect(short).toEqual(found(rig, flow));
    expect(short.size).toBeGreaterThan(2 * memo.played);
    expect([...short.values()].some(({ length }) => length > 0)).toBe(mutations.length > 0);
  });

  it("says so when a device remembers what no equal one remembers", async () => {
    // The journal keeps in memory what the torn record looked like, and writes a record more because of it.
    const file = "flash/journal.ts";
    const rig = await makeRig(puckjs, [
      { file, from: "const headerBytes = 16;", to: "const headerBytes = 16;\nlet hidden = 0;" },
      {
        file,
        from: "if (!torn) found(a, type);",
        to: "if (torn) hidden = h.crc(h.read(a, total)) & 1;\nelse found(a, type);",
      },
      {
        file,
        from: "put: (type, value) => put(type, codec.encode(value)),",
        to: `put: (type, value) => {
          if (hidden && type === Rec.Slots) put(Rec.Settings, codec.encode([9, {}]));
          put(type, codec.encode(value));
        },`,
      },
    ]);
    const all = [...found(rig, "confirm", new Memo(2)).values()].flat();
    expect(all).toContainEqual({
      outcome: "stuck",
      text: "an end that is not that of an equal device: the sweep is wrong",
    });
  });
});
