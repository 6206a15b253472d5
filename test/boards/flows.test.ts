/** The shipped text on simulated boards of each kind: what a plan promises, played. */
import { beforeAll, describe, expect, it } from "vitest";
import { boards, firstPageOf } from "../../boards/index.ts";
import { Code } from "../../firmware/protocol/errors.ts";
import { ResetReason, SlotState } from "../../firmware/protocol/messages.ts";
import { frameworkSources } from "../../scripts/cli/build/sources.ts";
import { Bench, makeRig, type Rig, type Standing } from "../../scripts/powercut/bench.ts";
import { type FlowName, flowNames, flowsOf, makeFlows } from "../../scripts/powercut/flows.ts";
import { damaged, wants } from "../../scripts/powercut/ground.ts";
import { makeMaterial } from "../../scripts/powercut/material.ts";
import { sweepBoard } from "../../scripts/powercut/plan.ts";
import { viewOf } from "../../scripts/powercut/view.ts";
import { SimBoard } from "../../scripts/sim/board/simBoard.ts";
import { VirtualClock } from "../../scripts/sim/clock.ts";
import { NorFlash } from "../../scripts/sim/flash/norFlash.ts";
import { rulesOf } from "../../scripts/sim/flash/rules.ts";
import { plainFiles } from "../sim/support/image.ts";

const played = [
  ...["pixljs", "microbit2", "joltjs", "esp8266", "stm32l496", "banglejs2", "pico", "espruinowifi"],
];
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
        const isPlayed = flowsOf(boards[id]!).includes(name);
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
    expect(again.run(isBack, 1_900_000)).toBe(true);
    expect(again.peer.state.checkIn?.runningSequence).toBe(1);
  });
});

describe("a board whose image is fixed", () => {
  const runUntil = async (standing: Standing, done: (bench: Bench) => boolean) => {
    const bench = new Bench(await rigOf("pico"), standing, "board");
    bench.sim.powerOn();
    expect(bench.run(() => done(bench), 60_000)).toBe(true);
    return bench;
  };

  it("refuses an offer by a code that reaches the agent, and writes nothing for it", async () => {
    const offered = wants(await startOf("pico", "settings"), { settings: null, offer: "raising" });
    const { peer, sim } = await runUntil(offered, ({ peer }) => !!peer.state.checkIn?.refused);
    expect(peer.state.checkIn?.refused).toEqual({ sequence: 2, code: Code.SoftwareFixed });
    expect(peer.state.checkIn?.runningSequence).toBe(1);
    const quiet = {
      ...wants(offered, { offer: null }),
      flash: (await startOf("pico", "settings")).flash,
    };
    const checkedIn = await runUntil(quiet, ({ peer }) => peer.state.checkIn !== null);
    expect(sim.flash.operations).toBe(checkedIn.sim.flash.operations);
    expect([sim.reboots, sim.flash.violations]).toEqual([0, []]);
  }, 60_000);

  it("stays in its core when the image does not check, and looks at it again at each start", async () => {
    const { material } = await rigOf("pico");
    const broken = damaged(material, await startOf("pico", "settings"));
    const isInCore = ({ peer }: Bench) => peer.state.checkIn?.slotState === SlotState.Recovery;
    const { peer, sim } = await runUntil(broken, isInCore);
    expect(peer.state.checkIn?.failed).toMatchObject({ sequence: 1, code: Code.SlotCrc });
    // Nothing could bring another image, so its record is not given up.
    expect(viewOf(material.board, sim.flash).slots[1]?.[0]).toBe(1);
    expect(sim.log.filter(({ kind }) => kind === "crash")).toEqual([]);
  }, 60_000);

  it("has no part that judges or writes an image", async () => {
    const { parts } = frameworkSources(boards.pico!);
    const names = parts.filter(({ file }) => file.endsWith("none.ts")).map(({ name }) => name);
    expect(names).toEqual(["suit", "lms", "signed", "check"]);
    const { texts } = (await rigOf("pico")).material;
    expect([...texts.parts, ...texts.slotParts].join()).not.toContain("FL1-root");
  });
});

describe("why it was reset", () => {
  const told = Object.values(boards).filter(({ measure }) => measure.resetReason);

  it.each(told.map((board) => [board.id, board] as const))(
    "is told by %s: power-on, pin and software, once each",
    (_id, board) => {
      const clock = new VirtualClock();
      const script = `print(${board.measure.resetReason});setTimeout(function(){E.reboot()},5000)`;
      const files = plainFiles(board.pageBytes, rulesOf(board).pages, { ".boot0": script });
      const first = -firstPageOf(board.plan) * board.pageBytes;
      const storage = new Uint8Array(files.length).fill(255);
      storage.set(files.subarray(0, files.length - first), first);
      const sim = new SimBoard({ board, clock, storage });
      sim.powerOn();
      sim.resetPin();
      clock.advance(1000);
      clock.advance(5000);
      sim.powerOff();
      sim.powerOn("brown-out");
      // A brown-out reads as power-on.
      const reasons = [ResetReason.PowerOn, ResetReason.Pin, ResetReason.Software];
      expect(sim.printedLines.map(Number)).toEqual([...reasons, ResetReason.PowerOn]);
    },
  );
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
