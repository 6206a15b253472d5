import { beforeAll, describe, expect, it } from "vitest";
import { Code } from "../../firmware/protocol/errors.ts";
import type { Coding } from "../../firmware/protocol/host/coding.ts";
import { Bench, makeRig, type Rig, type Standing } from "../../scripts/powercut/bench.ts";
import { type Flow, makeFlows } from "../../scripts/powercut/flows.ts";
import { flowLimitMs } from "../../scripts/powercut/ground.ts";
import { type Material, makeMaterial } from "../../scripts/powercut/material.ts";
import { cutModels } from "../../scripts/sim/flash/powerCut.ts";
import { seededRandom } from "../../scripts/sim/random.ts";

const boardIds = ["puckjs", "linux"];
const grounds: Record<string, { rig: Rig; material: Material; flow: Flow }> = {};
beforeAll(async () => {
  for (const id of boardIds) {
    const material = await makeMaterial(id);
    const rig = await makeRig(material);
    const flow = makeFlows(rig, (name) => name === "update").flows[0]!;
    grounds[id] = { rig, material, flow };
  }
});

/** A claimed device whose cloud has an update for it. */
function start(id: string, coding: Coding, change: Partial<Material> = {}, from?: Standing) {
  const { rig, material, flow } = grounds[id]!;
  const { flash, peer, ms } = from ?? flow.start;
  const standing = { flash: flash.fork(), peer: { ...structuredClone(peer), coding }, ms };
  const bench = new Bench({ ...rig, material: { ...material, ...change } }, standing, "board");
  const heard: { blocks: number[]; bytes: number; events: number[][] } = {
    ...{ blocks: [], bytes: 0, events: [] },
  };
  bench.peer.seen = (message) => {
    if (message.kind === "event") heard.events.push([message.code, message.detail]);
    if (message.kind !== "block" || message.what === 0) return;
    heard.blocks.push(message.what);
    heard.bytes += message.data.length;
  };
  return { bench, flow, heard };
}

function update(id: string, coding: Coding, change: Partial<Material> = {}) {
  const { bench, flow, heard } = start(id, coding, change);
  bench.sim.powerOn();
  expect(bench.run(() => flow.isDone(bench), flowLimitMs)).toBe(true);
  expect(bench.peer.state.faults).toEqual([]);
  return heard;
}

describe.each(boardIds)("an update of a %s", (id) => {
  it("goes plain, packed or patched, each with fewer bytes than the one before", () => {
    const plain = update(id, "plain");
    const packed = update(id, "packed");
    const any = update(id, "any");
    expect(plain.bytes).toBe(grounds[id]!.material.raising.payload.length);
    expect(new Set(plain.blocks)).toEqual(new Set([1]));
    expect(packed.blocks).toContain(2);
    expect(any.blocks).toContain(3);
    expect(packed.bytes).toBeLessThan(plain.bytes);
    expect(any.bytes).toBeLessThan(packed.bytes);
    for (const { events } of [plain, packed, any])
      expect(events.map(([code]) => code)).not.toContain(Code.UpdateFellBack);
  });

  it("falls back to plain by itself, once, when patches were made from another image", () => {
    const { images } = grounds[id]!.material;
    const wrong = images.map(({ bytes, digest }) => ({
      // A byte in front: each copy begins one byte behind what the device has there.
      bytes: Uint8Array.of(0, ...bytes.subarray(0, -1)),
      digest: digest.slice(0, 16),
    }));
    // The patch copies what the device does not have: only the digest over the whole slot can tell.
    const { blocks, events } = update(id, "any", { images: wrong });
    const fellBack = events.filter(([code]) => code === Code.UpdateFellBack);
    expect(blocks).toContain(3);
    expect(fellBack).toEqual([[Code.UpdateFellBack, Code.ImageDigest]]);
    expect(blocks.at(-1)).toBe(1);
  });

  it.each(["packed", "any"] as const)("coded %s ends well after cuts at any place", (coding) => {
    const random = seededRandom(`cuts ${id} ${coding}`);
    let cuts = 0;
    for (let round = 0; round < 12; round++) {
      let from: Standing | undefined;
      for (let i = 0; i < 3; i++) {
        const { bench, flow } = start(id, coding, {}, from);
        const model = cutModels[Math.floor(random() * cutModels.length)]!;
        const operation = Math.floor(random() * 40);
        const stop = bench.sim.onEvent((event) => {
          if (event.kind !== "started") return;
          stop();
          bench.sim.powerCutAt(model, operation);
        });
        bench.sim.powerOn();
        bench.run(() => flow.isDone(bench) || bench.sim.flash.isCut, 60_000);
        if (bench.sim.flash.isCut) cuts++;
        from = bench.off();
      }
      const { bench, flow } = start(id, coding, {}, from);
      bench.sim.powerOn();
      expect(bench.run(() => flow.isDone(bench), flowLimitMs)).toBe(true);
      expect(bench.peer.state.faults).toEqual([]);
    }
    expect(cuts).toBeGreaterThan(12);
  });
});
