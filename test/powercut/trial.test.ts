import { beforeAll, describe, expect, it } from "vitest";
import { Code } from "../../firmware/protocol/errors.ts";
import { trialBootsMax } from "../../firmware/protocol/limits.ts";
import {
  Bench,
  makeRig,
  type Play,
  type Rig,
  type Standing,
} from "../../scripts/powercut/bench.ts";
import { makeFlows } from "../../scripts/powercut/flows.ts";
import { flowLimitMs, runs } from "../../scripts/powercut/ground.ts";
import { makeMaterial } from "../../scripts/powercut/material.ts";
import { viewOf } from "../../scripts/powercut/view.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await makeRig(await makeMaterial("puckjs"));
});

/** A device whose new image waits for its first start. */
const installed = () => makeFlows(rig, (name) => name === "confirm").flows[0]!.start;

/** Starts a device and takes the power away again after so long, before its cloud has answered. */
function cycle(standing: Standing, play: Play, onMs: number): Standing {
  const bench = new Bench(rig, standing, play, `cycle ${standing.ms}`);
  bench.sim.powerOn("brown-out");
  bench.run(() => false, onMs);
  const off = bench.off();
  return { ...off, ms: off.ms + 5000 };
}

const slotsOf = ({ flash }: Standing) => {
  const { running, slots } = viewOf(rig.material.board, flash);
  return [running?.[0], slots[5]];
};

describe.each(["core", "board"] as const)("a release on trial (%s)", (play) => {
  it("that browns the board out at each start is abandoned after ten starts, and the old one says why", () => {
    let standing = installed();
    for (let start = 1; start <= trialBootsMax; start++) {
      standing = cycle(standing, play, 0);
      expect(slotsOf(standing)).toEqual([2, 1]);
    }
    standing = cycle(standing, play, 0);
    expect(slotsOf(standing)).toEqual([1, 0]);
    const bench = new Bench(rig, standing, play);
    bench.sim.powerOn();
    expect(bench.run(() => runs(1)(bench), flowLimitMs)).toBe(true);
    expect(bench.peer.state.checkIn!.failed).toMatchObject({ sequence: 2, code: Code.TrialBoots });
  });

  it("that is well is not reverted by power cycles alone before the tenth, and is then confirmed", () => {
    let standing = installed();
    for (let start = 1; start < trialBootsMax; start++) {
      standing = cycle(standing, play, (start * 7) % 40);
      expect(slotsOf(standing)).toEqual([2, 1]);
    }
    const bench = new Bench(rig, standing, play);
    bench.sim.powerOn();
    expect(bench.run(() => runs(2)(bench), flowLimitMs)).toBe(true);
    expect(slotsOf(bench.off())).toEqual([2, 0]);
  });

  it("is not ended early by starts that are cut while they are counted", () => {
    let standing = installed();
    // A cut before the count is written costs no start; each of these is cut at the record of the count or at its mark.
    for (let start = 0; start < 3 * trialBootsMax; start++) {
      const bench = new Bench(rig, standing, play, start);
      bench.sim.onEvent(({ kind }) => {
        if (kind === "started") bench.sim.powerCutAt("before", start % 2);
      });
      bench.sim.powerOn();
      expect(bench.sim.flash.isCut).toBe(true);
      const off = bench.off();
      standing = { ...off, ms: off.ms + 5000 };
      expect(slotsOf(standing)).toEqual([2, 1]);
    }
  });
});
