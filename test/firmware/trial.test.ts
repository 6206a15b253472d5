import { describe, expect, it, vi } from "vitest";
import { Rec } from "../../firmware/flash/journal.ts";
import { Code } from "../../firmware/protocol/errors.ts";
import { SlotState } from "../../firmware/protocol/messages.ts";
import { startRuntime } from "../support/runtimeBench.ts";

vi.stubGlobal("process", { ...process, memory: () => ({ usage: 300, total: 1000 }) });
vi.stubGlobal("getTime", () => 7);

const minuteMs = 60_000;
const failed = (bench: ReturnType<typeof startRuntime>) => {
  const [, , code, , text] = bench.records.get(Rec.Failed) as [number, 0, number, number, string];
  return { code, text, restarts: bench.restarts };
};

describe("a metric", () => {
  it("that is read while the answer to a check-in is on its way is told by the next check-in", () => {
    const bench = startRuntime({ metrics: ["x"] });
    bench.device.metric("x", 5);
    expect(bench.report().metrics).toEqual({ x: [5, 5, 5] });
    bench.device.metric("x", 7);
    bench.reply();
    bench.device.metric("x", 6);
    expect(bench.report().metrics).toEqual({ x: [6, 7, 6] });
  });

  it("stays until a check-in is answered", () => {
    const bench = startRuntime({ metrics: ["x"] });
    bench.device.metric("x", 5);
    bench.report();
    bench.device.metric("x", 7);
    expect(bench.report().metrics).toEqual({ x: [5, 7, 7] });
    bench.reply();
    expect(bench.report().metrics).toEqual({});
  });

  it.each([
    [["x"], "y"],
    [["x".repeat(17)], "x".repeat(17)],
    [["a", "b", "c", "d", "e", "f", "g", "h", "i"], "i"],
  ])("of %j is refused under the name %s", (metrics, name) => {
    const { device } = startRuntime({ metrics });
    expect(() => device.metric(name, 1)).toThrow(`metric ${name} is not declared`);
  });
});

describe("a trial", () => {
  it("is confirmed after one check-in interval of calm behind the agent's first answer, not before", () => {
    const bench = startRuntime({}, { minutes: 60 });
    bench.advance(5000);
    bench.reply();
    bench.advance(9999);
    expect(bench.slotState()).toBe(SlotState.Trial);
    bench.advance(2);
    expect(bench.slotState()).toBe(SlotState.Confirmed);
    expect(bench.checkIns).toBe(1);
  });

  it.each([
    [1, 3000],
    [10, 10_000],
    [86_400, 60_000],
  ])("asks with a check-in each %i s for %i ms of calm", (checkInS, calmMs) => {
    const bench = startRuntime({}, { minutes: 60, life: [3, 0, checkInS, 0] });
    bench.reply();
    bench.advance(calmMs - 1);
    expect(bench.slotState()).toBe(SlotState.Trial);
    bench.advance(2);
    expect(bench.slotState()).toBe(SlotState.Confirmed);
  });

  it("is not confirmed without an answer, and ends at its deadline with what it lacked", () => {
    const bench = startRuntime({}, { minutes: 2 });
    bench.advance(2 * minuteMs);
    const text = "no answer of the agent";
    expect(failed(bench)).toEqual({ code: 210, text, restarts: [Code.TrialDeadline] });
  });

  it("waits for healthy() and is confirmed as soon as it is asked again and says yes", () => {
    let answer: boolean | string = "warming up";
    const bench = startRuntime({ healthy: () => answer }, { minutes: 60 });
    bench.reply();
    bench.advance(5 * minuteMs);
    expect(bench.slotState()).toBe(SlotState.Trial);
    answer = true;
    bench.reply();
    expect(bench.slotState()).toBe(SlotState.Confirmed);
  });

  it.each([
    ["valve does not close", "valve does not close"],
    [false, "healthy() said no"],
  ])("that healthy() refuses to the end with %s is given up as unhealthy", (said, text) => {
    const bench = startRuntime({ healthy: () => said }, { minutes: 3 });
    bench.reply();
    bench.advance(3 * minuteMs);
    expect(failed(bench)).toEqual({ code: 211, text, restarts: [Code.TrialUnhealthy] });
    expect((bench.records.get(Rec.Slots) as number[])[0]).toBe(0);
  });

  it.each([
    ["below", { 1: [2500, null] }, "vital 1 is 2400, not 2500..null"],
    ["above", { 1: [null, 2399] }, "vital 1 is 2400, not null..2399"],
    ["above", { 9: [0, 2] }, "vital 9 is 3, not 0..2"],
  ])("ends at once when a vital is %s its limits %j", (_, limits, text) => {
    const bench = startRuntime({}, { minutes: 60, limits, batteryMv: 2400 });
    bench.client.failed = 3;
    bench.reply();
    expect(failed(bench)).toEqual({ code: 150, text, restarts: [Code.TrialVitals] });
  });

  it("is confirmed with every vital inside its limits, both ends included, and none judged that is not measured", () => {
    const limits = { 1: [2400, 2400], 2: [null, 300], 4: [-90, null] };
    const bench = startRuntime({}, { minutes: 60, limits, batteryMv: 2400 });
    bench.reply();
    bench.advance(10_001);
    expect(bench.slotState()).toBe(SlotState.Confirmed);
  });

  it("waits for the answered check-ins that its limits ask for", () => {
    const bench = startRuntime({}, { minutes: 60, limits: { 8: [3, null] } });
    bench.reply();
    bench.advance(minuteMs);
    bench.reply();
    bench.advance(minuteMs);
    expect(bench.slotState()).toBe(SlotState.Trial);
    bench.reply();
    expect(bench.slotState()).toBe(SlotState.Confirmed);
  });

  it("takes back a slot record of before limits were recorded", () => {
    const bench = startRuntime({}, { minutes: 60 });
    const slots = bench.records.get(Rec.Slots) as unknown[][];
    bench.records.set(Rec.Slots, [1, slots[1], slots[2]!.slice(0, 6), 0, 1, 1, 60]);
    bench.reply();
    bench.advance(10_001);
    expect(bench.slotState()).toBe(SlotState.Confirmed);
  });

  it("leaves a confirmed image alone, whatever its vitals and its health", () => {
    const bench = startRuntime({ healthy: () => false }, { limits: { 9: [0, 0] } });
    bench.client.failed = 9;
    bench.reply();
    bench.advance(100 * minuteMs);
    expect(bench.restarts).toEqual([]);
  });
});

describe("local mode", () => {
  const dayMs = 86_400_000;

  it("begins after the days without an answer that the app declares, also across restarts", () => {
    const first = startRuntime({ localAfterDays: 3 });
    first.advance(2 * dayMs);
    expect(first.client.isLocal).toBeFalsy();
    const { records } = first;
    const life = records.get(Rec.Life) as number[];
    expect(life[3]).toBe(8);
    const second = startRuntime({ localAfterDays: 3 }, { records, life });
    second.advance(dayMs - 1);
    expect(second.client.isLocal).toBeFalsy();
    second.advance(1);
    expect(second.client.isLocal).toBe(true);
    const third = startRuntime({ localAfterDays: 3 }, { records, life: second.client.life });
    expect(third.client.isLocal).toBe(true);
    expect(third.device.serial).toBe("TEST-0001");
  });

  it("begins after 30 days where the app declares none, and costs four records a day", () => {
    const bench = startRuntime({});
    const put = vi.spyOn(bench.records, "set");
    bench.advance(30 * dayMs - 1);
    expect(bench.client.isLocal).toBeFalsy();
    bench.advance(1);
    expect(bench.client.isLocal).toBe(true);
    expect(put).toHaveBeenCalledTimes(120);
  });

  it("ends with the first answer, which sets the count back", () => {
    const bench = startRuntime({}, { life: [3, 1000, 10, 400] });
    expect(bench.client.isLocal).toBe(true);
    bench.reply();
    expect(bench.client.isLocal).toBe(false);
    expect(bench.records.get(Rec.Life)).toEqual([3, 1000, 10, 0]);
  });

  it("never begins while the agent answers, nor on a device that nobody has claimed", () => {
    const answered = startRuntime({ localAfterDays: 1 });
    for (let i = 0; i < 40; i++) {
      answered.advance(dayMs / 8);
      answered.reply();
    }
    expect([answered.client.isLocal, answered.client.life[3]]).toEqual([undefined, 0]);
    const released = startRuntime({ localAfterDays: 1 }, { life: [1, 0, 10, 0] });
    released.advance(9 * dayMs);
    expect([released.client.isLocal, released.client.life[3]]).toEqual([undefined, 0]);
  });

  it("confirms a trial that is well without an answer, and still ends one that is not", () => {
    const life = [3, 1000, 10, 120];
    const well = startRuntime({ healthy: () => true }, { minutes: 60, life });
    well.advance(9 * minuteMs);
    expect(well.slotState()).toBe(SlotState.Trial);
    well.advance(minuteMs);
    expect(well.slotState()).toBe(SlotState.Confirmed);
    const unwell = startRuntime({ healthy: () => "stuck" }, { minutes: 20, life });
    unwell.advance(20 * minuteMs);
    expect(failed(unwell)).toEqual({ code: 211, text: "stuck", restarts: [211] });
  });
});
