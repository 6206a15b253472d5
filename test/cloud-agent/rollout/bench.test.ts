import { describe, expect, test } from "vitest";
import { readOptions } from "../../../scripts/bench/rollouts/options.ts";
import { play } from "../../../scripts/bench/rollouts/play.ts";
import { rowOf, tableOf } from "../../../scripts/bench/rollouts/table.ts";
import { harmless, planted } from "../../../scripts/sim/field/model.ts";

const devices = 700;

describe("the rollout bench, a small fixed sample of it", () => {
  test.each<[string, string[]]>([
    ["drain x2", ["battery"]],
    ["memory leak, 2 permille an hour", ["memory"]],
    ["one crash a day", ["crashes"]],
    ["network lost on puckjs", ["silence", "causes"]],
  ])("catches %s before wave 2, by its own metric", (name, metrics) => {
    for (const seed of [11, 12, 13]) {
      const played = play({ seed, devices, defect: planted[name]! });
      expect(played).toMatchObject({ status: "halted", wave: 0 });
      const found = played.metrics.length > 0 ? played.metrics : ["causes"];
      expect(metrics).toEqual(expect.arrayContaining(found));
    }
  });

  test("lets harmless releases through", () => {
    for (const seed of [21, 22, 23, 24]) {
      const played = play({ seed, devices, defect: harmless });
      expect(played).toMatchObject({ status: "done", wave: 2, reason: null });
    }
  });

  test("comes to the same end with the same seed", () => {
    const plan = { seed: 5, devices: 300, defect: planted["drain x2"]! };
    expect(play(plan)).toEqual(play(plan));
  });

  test("counts what was caught, and says when a bar does not hold", () => {
    const one = play({ seed: 5, devices: 300, defect: planted["one crash a day"]! });
    const missed = { ...one, status: "done" as const, metrics: [], reason: null };
    const row = rowOf("crash", [one, missed], { caughtMin: 0.95 }, 1);
    expect(row).toMatchObject({ runs: 2, caughtBeforeWave2: 1, halted: 1, done: 1, holds: false });
    expect(row.oddities).toHaveLength(1);
    expect(tableOf([row])).toContain(">= 95 % early: NO");
  });

  test("refuses options it does not know", () => {
    expect(readOptions(["--seed", "3"])).toEqual({ wrong: "unknown option --seed" });
    expect(readOptions(["--seeds", "0"])).toMatchObject({ wrong: expect.stringMatching(/got 0$/) });
    expect(readOptions(["--help"])).toBe("help");
    expect(readOptions(["--seeds", "7", "--bar"])).toMatchObject({ seeds: 7, isBarOnly: true });
  });
});
