import { beforeAll, describe, expect, it } from "vitest";
import { type FlowName, flowNames } from "../../scripts/powercut/flows.ts";
import { type Material, makeMaterial } from "../../scripts/powercut/material.ts";
import { findPoint, type News, sweepBoard } from "../../scripts/powercut/plan.ts";
import { playPoint } from "../../scripts/powercut/sweep.ts";

let puckjs: Material;
let linux: Material;
beforeAll(async () => {
  puckjs = await makeMaterial("puckjs");
  linux = await makeMaterial("linux");
});

/** Plays a few cuts of every flow. @returns what was told, without where it is */
function sample(
  material: Material,
  limit: number,
  flows: FlowName[] = [...flowNames],
  isDeep = false,
): News[] {
  const news: News[] = [];
  const share = { index: 0, of: 1 };
  const sweep = { material, flows, seed: 7, limit, isDeep, share };
  sweepBoard(sweep, (one) => void (one.kind === "at" || news.push(one)));
  return news;
}

const bad = (news: News[]) => news.filter(({ kind }) => kind === "bad");
const flowsOf = (news: News[]) => new Set(news.map((one) => (one.kind === "row" ? one.flow : "")));

describe("a power cut anywhere", () => {
  it("leaves a Puck.js that starts, knows what it knew and ends what it began", () => {
    const news = sample(puckjs, 6);
    expect(bad(news)).toEqual([]);
    expect(flowsOf(news)).toEqual(new Set(flowNames));
  });

  it("does so when the next start is cut as well, and when one place is cut 300 times", () => {
    const news = sample(puckjs, 6, ["settings"], true);
    expect(bad(news)).toEqual([]);
    const cuts = news.map((one) => one.kind === "row" && one.level === "repeat" && one.cuts);
    expect(cuts).toContain(300);
  });

  it("does so on a board that reaches its cloud by MQTT", () => {
    expect(bad(sample(linux, 3))).toEqual([]);
  });

  it("is played again by its id", () => {
    const id = "puckjs:wipe:4:bits+1.half:3";
    const { recorded, point, seed } = findPoint(puckjs, id);
    const told = () => {
      const lines: string[] = [];
      playPoint(recorded, point, seed, (text) => void lines.push(text));
      return lines;
    };
    expect(told()).toEqual(told());
    expect(() => findPoint(puckjs, "puckjs:wipe:9999:bits:1")).toThrow("there is no cut");
  });
});

describe("the sweep sees a design that is broken on purpose", () => {
  it("a floor that is raised when an image is installed, not when it is confirmed", () => {
    const storage = Buffer.from(linux.storage);
    // The minutes that a trial has are written to the floor's place: the text keeps its length.
    const from = /(\w)\[6\]=(\w)\[6\]/.exec(storage.toString("latin1"));
    expect(from).not.toBe(null);
    storage.write(`${from![1]}[3]=${from![2]}[3]`, from!.index, "latin1");
    const broken = { ...linux, storage: new Uint8Array(storage) };
    const news = bad(sample(broken, 5, ["update", "confirm"]));
    const texts = news.flatMap((one) => (one.kind === "bad" ? one.findings : []));
    expect(texts.map(({ text }) => text)).toContain("the way back is closed before the confirm");
  });
});
