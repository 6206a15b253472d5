import { beforeAll, describe, expect, it } from "vitest";
import { boards } from "../../boards/index.ts";
import { Code } from "../../firmware/protocol/errors.ts";
import { Bench, makeRig, type Rig } from "../../scripts/powercut/bench.ts";
import { type FlowName, flowNames, flowsOf, makeFlows } from "../../scripts/powercut/flows.ts";
import { flowLimitMs } from "../../scripts/powercut/ground.ts";
import { makeMaterial } from "../../scripts/powercut/material.ts";
import { findPoint, type News, sweepBoard, sweepDeep } from "../../scripts/powercut/plan.ts";
import { playPoint, type Recorded, recordFlows } from "../../scripts/powercut/sweep.ts";

let puckjs: Rig;
let linux: Rig;
beforeAll(async () => {
  puckjs = await makeRig(await makeMaterial("puckjs"));
  linux = await makeRig(await makeMaterial("linux"));
});

/** A sweep of a few cuts. */
const sweepOf = (rig: Rig, flows: FlowName[], limit: number, boardCuts = 0) => ({
  ...{ rig, flows, limit, boardCuts, seed: 7, draws: 1, variants: 1 },
});

/** @returns what a sweep tells, without where it is */
function heard(run: (tell: (news: News) => void) => void): News[] {
  const news: News[] = [];
  run((one) => void (one.kind === "at" || news.push(one)));
  return news;
}

const bad = (news: News[]) => news.filter(({ kind }) => kind === "bad");
const namesOf = (news: News[]) => new Set(news.map((one) => (one.kind === "row" ? one.flow : "")));

describe("a power cut anywhere", () => {
  it("leaves a Puck.js that starts, knows what it knew and ends what it began", () => {
    const news = heard((tell) => sweepBoard(sweepOf(puckjs, [...flowNames], 20, 4), tell));
    expect(bad(news)).toEqual([]);
    expect(namesOf(news)).toEqual(new Set(flowNames));
  });

  it("does so on a board that reaches its cloud by MQTT", () => {
    const news = heard((tell) => sweepBoard(sweepOf(linux, [...flowNames], 10, 2), tell));
    expect(bad(news)).toEqual([]);
  });

  it("does so when the next start is cut as well, and when one place is cut 300 times", () => {
    const news = heard((tell) => sweepDeep(sweepOf(puckjs, ["settings"], 0), 30, tell));
    expect(bad(news)).toEqual([]);
    const cuts = news.map((one) => one.kind === "row" && one.level === "repeat" && one.cuts);
    expect(cuts).toContain(600);
  });

  it("is played again by its id", () => {
    const id = "puckjs:wipe.2:4:bits+1.half:3:board";
    const { recorded, point, seed, play } = findPoint(puckjs, id);
    const told = () => {
      const lines: string[] = [];
      playPoint(recorded, point, seed, play, { event: (text) => void lines.push(text) });
      return lines;
    };
    expect(told().length).toBeGreaterThan(2);
    expect(told()).toEqual(told());
    for (const wrong of ["wipe:9999:bits:1:core", "wipe:4:u999:1:core", "wipe:4:bits:1:moon"])
      expect(() => findPoint(puckjs, `puckjs:${wrong}`)).toThrow("there is no cut");
  });
});

/** Kinds of the BLOCKs that a flow's device is served when nothing is cut, each once, in order; "fell back" where it says so. */
function served(rig: Rig, name: FlowName): (number | string)[] {
  const { start, isDone } = makeFlows(rig, (one) => one === name).flows[0]!;
  const bench = new Bench(rig, { ...start, flash: start.flash.fork() }, "core");
  const kinds = new Set<number | string>();
  bench.peer.seen = (message) => {
    if (message.kind === "block") kinds.add(message.what);
    if (message.kind === "event" && message.code === Code.UpdateFellBack) kinds.add("fell back");
  };
  bench.sim.powerOn();
  expect(bench.run(() => isDone(bench), flowLimitMs)).toBe(true);
  return [...kinds];
}

describe("a flow", () => {
  it.each<[FlowName, (number | string)[]]>([
    ["update", [0, 1]],
    ["delta", [0, 3]],
    ["fallback", [0, 3, "fell back", 1]],
    ["baseless", [1]],
    ["keys", [4]],
    ["keysWith", [4, 0, 1]],
  ])("%s is served the blocks that it is named for", (name, kinds) => {
    expect(served(puckjs, name)).toEqual(kinds);
  });

  it("packed is served packed blocks, and plain ones where packing saves nothing", () => {
    const kinds = served(puckjs, "packed");
    expect(kinds).toContain(2);
    expect(kinds).not.toContain(3);
    expect(kinds).not.toContain("fell back");
  });

  it("is played on the boards whose plan promises it", () => {
    const left = (id: string) => flowNames.filter((name) => !flowsOf(boards[id]!).includes(name));
    expect(left("puckjs")).toEqual([]);
    expect(left("esp8266")).toEqual(["packed", "delta", "fallback", "baseless"]);
    expect(left("microbit2")).toEqual(["revert", "packed", "delta", "fallback", "baseless"]);
  });
});

/** Every write and erase of a flow as text. */
const operationsOf = ({ operations }: Recorded) =>
  operations.map(({ kind, addr, data }) => {
    const bytes = data ? Buffer.from(data).toString("hex") : "";
    return `${kind} ${addr.toString(16)} ${bytes}`;
  });

describe("a cut played on the device's TypeScript", () => {
  it.each(["puckjs", "linux"])("is the cut of the shipped texts of a %s, byte for byte", (id) => {
    const rig = id === "puckjs" ? puckjs : linux;
    const places = id === "puckjs" ? 1 : 0;
    const byCore = recordFlows(rig, () => true, "core", places);
    const byBoard = recordFlows(rig, () => true, "board", places);
    expect(byCore.map(operationsOf)).toEqual(byBoard.map(operationsOf));
    byCore.forEach((recorded, n) => {
      const at = recorded.points.length - 1 - n;
      for (const point of [recorded.points[at >> 1]!, recorded.points[at]!]) {
        const ends: string[] = [];
        const end = ({ flash }: { flash: { fingerprint(): string } }) =>
          void ends.push(flash.fingerprint());
        // The two read weak bits equally often, or they would not agree here.
        expect(playPoint(recorded, point, 1, "core", { end })).toEqual([]);
        expect(playPoint(recorded, point, 1, "board", { end })).toEqual([]);
        expect(ends[0]).toBe(ends[1]);
        expect(ends.length).toBe(2);
      }
    });
  });
});
