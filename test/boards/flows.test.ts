/** The shipped text on simulated boards of each kind: what a plan promises, played. */
import { beforeAll, describe, expect, it } from "vitest";
import { boards } from "../../boards/index.ts";
import { Code } from "../../firmware/protocol/errors.ts";
import { Lifecycle, SlotState } from "../../firmware/protocol/messages.ts";
import { Bench, makeRig, type Rig, type Standing } from "../../scripts/powercut/bench.ts";
import { type FlowName, flowNames, makeFlows } from "../../scripts/powercut/flows.ts";
import { makeMaterial } from "../../scripts/powercut/material.ts";
import { sweepBoard } from "../../scripts/powercut/plan.ts";
import { viewOf } from "../../scripts/powercut/view.ts";
import { NorFlash } from "../../scripts/sim/flash/norFlash.ts";
import { rulesOf } from "../../scripts/sim/flash/rules.ts";

const played = ["pixljs", "microbit2", "joltjs", "esp8266", "stm32l496", "banglejs2"];
const rigs = new Map<string, Rig>();
const rigOf = async (id: string) => {
  if (!rigs.has(id)) rigs.set(id, await makeRig(await makeMaterial(id)));
  return rigs.get(id)!;
};

/** Where a flow of a board begins, on a flash of its own. */
async function startOf(id: string, name: FlowName): Promise<Standing> {
  const [flow] = makeFlows(await rigOf(id), (one) => one === name).flows;
  return { ...flow!.start, flash: flow!.start.flash.fork() };
}

describe("every flow, cut at a few places, ends well", () => {
  it.each(played)(
    "on %s",
    async (id) => {
      const bad: unknown[] = [];
      const seen = new Set<string>();
      const rig = await rigOf(id);
      const sweep = { rig, flows: [...flowNames], seed: 3, draws: 0, limit: 6, boardCuts: 2 };
      sweepBoard({ ...sweep, variants: 0 }, (news) => {
        if (news.kind === "bad") bad.push(news);
        if (news.kind === "row") seen.add(`${news.flow} ${news.level}`);
      });
      expect(bad).toEqual([]);
      for (const name of flowNames) {
        const isPlayed = name !== "revert" || boards[id]!.plan.kind === "ab";
        expect([name, seen.has(`${name} board`)]).toEqual([name, isPlayed]);
      }
    },
    120_000,
  );
});

describe("a board with one slot", () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = new Bench(await rigOf("pixljs"), await startOf("pixljs", "update"), "board");
  }, 60_000);
  const view = () => viewOf(boards.pixljs!, bench.sim.flash);

  it("keeps its image until the core has verified an update, and installs that one", () => {
    bench.sim.powerOn();
    // The first restart is into the core: nothing of the image is given up for an offer alone.
    expect(bench.run(() => bench.sim.reboots === 1, 60_000)).toBe(true);
    expect(view().running?.[0]).toBe(1);
    expect(view().boot[3]).toBe(Code.UpdateInCore);
    expect(bench.run(() => view().running === null, 60_000)).toBe(true);
    expect(bench.peer.state.checkIn?.slotState).toBe(SlotState.Recovery);
    const isNew = () => bench.peer.state.checkIn?.runningSequence === 2;
    expect(bench.run(isNew, 600_000)).toBe(true);
    expect(bench.sim.flash.violations).toEqual([]);
  });

  it("runs its image again when the offer is gone before the core could take it", async () => {
    const again = new Bench(await rigOf("pixljs"), await startOf("pixljs", "update"), "board");
    again.sim.powerOn();
    expect(again.run(() => again.sim.reboots === 1, 60_000)).toBe(true);
    again.peer.state.offer = null;
    const isBack = () => again.peer.state.checkIn?.slotState === SlotState.Confirmed;
    again.run(() => again.peer.state.checkIn?.slotState === SlotState.Recovery, 60_000);
    expect(again.run(isBack, 700_000)).toBe(true);
    expect(again.peer.state.checkIn?.runningSequence).toBe(1);
  });
});

describe("a board with a network that is updated at its cable", () => {
  it("refuses an offer over the air by a code that reaches the agent, and goes on running", async () => {
    const standing = await startOf("esp8266", "update");
    const bench = new Bench(await rigOf("esp8266"), standing, "board");
    bench.sim.onEvent(() => undefined);
    // The cable is pulled: what the bench's gateway would say does not arrive.
    bench.sim.feedSerial = () => undefined;
    bench.sim.powerOn();
    const isTold = () =>
      bench.peer.state.checkIn?.refused !== null && bench.peer.state.checkIn !== null;
    expect(bench.run(isTold, 120_000)).toBe(true);
    expect(bench.peer.state.checkIn?.refused).toEqual({ sequence: 2, code: 225 });
    expect(bench.sim.reboots).toBe(0);
    expect(bench.peer.state.checkIn?.runningSequence).toBe(1);
    expect(bench.peer.state.lifecycle).toBe(Lifecycle.Operating);
  }, 60_000);
});

describe("flash rules of a family", () => {
  it("an STM32L4 refuses a second write of a double word, and takes zeros over it", () => {
    const board = boards.stm32l496!;
    const flash = new NorFlash(rulesOf(board));
    const at = board.flashStart;
    flash.write(new Uint8Array(8).fill(0xf0), at);
    flash.write(new Uint8Array(8).fill(0x70), at);
    expect(flash.violations.map(({ kind }) => kind)).toEqual(["ecc-rewrite"]);
    expect(flash.read(at, 8)).toEqual(new Uint8Array(8).fill(0xf0));
    flash.write(new Uint8Array(8), at);
    expect(flash.read(at, 8)).toEqual(new Uint8Array(8));
    flash.write(new Uint8Array(4), at + 8);
    expect(flash.violations.at(-1)?.kind).toBe("unaligned");
  });

  it("an nRF52840 bears two writes of a word between erases, and no third", () => {
    const board = boards.joltjs!;
    const flash = new NorFlash(rulesOf(board));
    const write = (byte: number) => flash.write(new Uint8Array(4).fill(byte), board.flashStart);
    write(0x55);
    write(0);
    expect(flash.violationCount).toBe(0);
    write(0);
    expect(flash.violations.map(({ kind }) => kind)).toEqual(["worn-block"]);
    flash.erasePage(board.flashStart);
    write(0x55);
    expect(flash.violationCount).toBe(1);
  });
});
