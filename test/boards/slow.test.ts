/** A board without native SHA-256 at a chip's pace: a block of the hash takes seconds, a handshake minutes. */
import { beforeAll, describe, expect, it } from "vitest";
import { LineDecoder } from "../../firmware/protocol/host/line.ts";
import { Msg } from "../../firmware/protocol/messages.ts";
import { Bench, makeRig, type Rig } from "../../scripts/powercut/bench.ts";
import { type FlowName, makeFlows } from "../../scripts/powercut/flows.ts";
import { makeMaterial } from "../../scripts/powercut/material.ts";

/** Time of a block: what `npm run bench:sha` estimates for 64 MHz, and half as much again. */
const blockMs = 4000;
const minuteMs = 60_000;
let rig: Rig;
beforeAll(async () => {
  rig = await makeRig(await makeMaterial("microbit2"));
}, 60_000);

/** Plays a flow. @returns minutes that it took, what the device sent, and the longest time from a CHAL to its PROVE */
function play(name: FlowName, limitMs: number) {
  const { start, isDone } = makeFlows(rig, (one) => one === name).flows[0]!;
  const bench = new Bench(rig, { ...start, flash: start.flash.fork() }, "core", 1, blockMs);
  const startMs = bench.clock.nowMs();
  const sent: number[] = [];
  let chalAtMs = 0;
  let proveMs = 0;
  const up = new LineDecoder();
  bench.sim.onSerial((data) => {
    for (const message of up.push(data)) {
      const kind = message[0] === Msg.Frame ? Msg.Frame : message[1]!;
      if (kind === Msg.Prove) proveMs = Math.max(proveMs, bench.clock.nowMs() - chalAtMs);
      sent.push(kind);
    }
  });
  const feed = bench.sim.feedSerial.bind(bench.sim);
  const down = new LineDecoder();
  bench.sim.feedSerial = (data) => {
    for (const message of down.push(data))
      if (message[0] !== Msg.Frame && message[1] === Msg.Chal) chalAtMs = bench.clock.nowMs();
    feed(data);
  };
  bench.sim.powerOn();
  const isOver = bench.run(() => isDone(bench), limitMs);
  const { faults } = bench.peer.state;
  const minutes = (bench.clock.nowMs() - startMs) / minuteMs;
  const count = (kind: number) => sent.filter((one) => one === kind).length;
  return { isOver, faults, minutes, proveMinutes: proveMs / minuteMs, count, sim: bench.sim };
}

describe("a board whose hash takes seconds for a block", () => {
  it("is claimed by two handshakes, each inside the time that the agent gives it", () => {
    const { isOver, faults, minutes, proveMinutes, count } = play("claim", 60 * minuteMs);
    expect([isOver, faults]).toEqual([true, []]);
    expect([count(Msg.Hello), count(Msg.Prove)]).toEqual([2, 2]);
    expect(proveMinutes).toBeGreaterThan(3);
    expect(proveMinutes).toBeLessThan(5);
    expect(minutes).toBeLessThan(15);
  });

  it("takes settings and tells of them, though answers come after their usual time", () => {
    const { isOver, faults, count } = play("settings", 60 * minuteMs);
    expect([isOver, faults]).toEqual([true, []]);
    // A second one where its own word on the settings meets the check-in that is due.
    expect(count(Msg.Hello)).toBeLessThanOrEqual(2);
  });

  it("takes an update block by block, verified in slices of a block of the hash each", () => {
    const { isOver, faults, minutes, count, sim } = play("update", 24 * 60 * minuteMs);
    expect([isOver, faults]).toEqual([true, []]);
    // One to check in, one in the core, one of the new image.
    expect(count(Msg.Hello)).toBeLessThanOrEqual(3);
    expect(sim.lastResetReason).toBe("software");
    expect(minutes).toBeLessThan(240);
  }, 120_000);
});
