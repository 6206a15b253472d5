/** Commands of the app on the device: each runs at most once, and what is told of it. */
import { expect, it, vi } from "vitest";
import { Rec } from "../../firmware/flash/journal.ts";
import { Code } from "../../firmware/protocol/errors.ts";
import { Msg } from "../../firmware/protocol/messages.ts";
import type { App, Command } from "../../firmware/runtime/app.ts";
import { startRuntime } from "../support/runtimeBench.ts";

vi.stubGlobal("process", { ...process, memory: () => ({ usage: 300, total: 1000 }) });
vi.stubGlobal("getTime", () => 7);

const order = (id: number, name: string | null = "do", argument: unknown = null, untilS = 3000) => [
  ...[Msg.Command, id, untilS, name, argument],
];
function device(run: Command | undefined, records?: Map<number, unknown>) {
  const commands: App["commands"] = run && { do: run };
  const bench = startRuntime(commands ? { commands } : {}, { records });
  bench.reply();
  return bench;
}

it.each([
  ["a text", "48 characters, which is as many as there may be.", Code.Ok],
  ["a number", -7, Code.Ok],
  ["true", true, Code.Ok],
  ["nothing", null, Code.Ok],
  ["undefined", undefined, Code.Ok],
  [
    "a text that is too long",
    "49 characters, which is one more than there can be",
    Code.CommandResult,
  ],
  ["a fraction", 0.5, Code.CommandResult],
  ["no number", Number.NaN, Code.CommandResult],
  ["an object", {}, Code.CommandResult],
])("tells %s that a command returns, or that it cannot", (_name, value, code) => {
  const bench = device(() => value as never);
  bench.order(order(1));
  expect(bench.said).toEqual([[Msg.OrderResult, 1, code, code ? null : value]]);
});

it("writes what is not printable as ?, and the first words of what a command throws", () => {
  const bench = device(() => "22 \u00b0C\n");
  bench.order(order(1));
  const failing = device((n) => {
    throw new Error(`expected 1, got ${n}${"!".repeat(60)}`);
  });
  failing.order(order(1, "do", 2));
  expect([bench.said[0]![3], failing.said[0]]).toEqual([
    "22 ?C?",
    [Msg.OrderResult, 1, Code.CommandThrew, `Error: expected 1, got 2${"!".repeat(24)}`],
  ]);
});

it("runs a command once: ordered again it is answered from the journal, also after a restart", () => {
  let runs = 0;
  const run = () => ++runs;
  const bench = device(run);
  bench.order(order(8));
  bench.order(order(8));
  const next = device(run, bench.records);
  next.order(order(8));
  next.order(order(7));
  expect(runs).toBe(1);
  expect([...bench.said, ...next.said]).toEqual([
    [Msg.OrderResult, 8, 0, 1],
    [Msg.OrderResult, 8, 0, 1],
    [Msg.OrderResult, 8, 0, 1],
    [Msg.OrderResult, 7, Code.CommandRan, null],
  ]);
});

it("does not run again what a restart cut off, and says so", () => {
  let records = new Map<number, unknown>();
  const bench = device(() => {
    records = structuredClone(bench.records);
    return 1;
  });
  bench.order(order(8));
  const next = device(() => 2, records);
  next.order(order(8));
  expect(next.said).toEqual([[Msg.OrderResult, 8, Code.CommandRan, null]]);
});

it.each([
  ["is over", 1999, 0],
  ["was over while it was kept back", 2060, 61_000],
])("does not run a command whose time %s", (_name, untilS, waitMs) => {
  const bench = device(() => 1);
  bench.advance(waitMs);
  bench.order(order(8, "do", null, untilS));
  expect(bench.said).toEqual([[Msg.OrderResult, 8, Code.CommandExpired, null]]);
  expect(bench.records.get(Rec.Command)).toBe(undefined);
});

it("does not run a command before the agent has told the time", () => {
  const bench = startRuntime({ commands: { do: () => 1 } });
  bench.order(order(8));
  bench.reply();
  bench.order(order(8));
  expect(bench.said.map((m) => m[2])).toEqual([Code.CommandExpired, Code.Ok]);
});

it.each(["other", "toString", "constructor", "__proto__"])("refuses the undeclared %s", (name) => {
  const bench = device(() => 1);
  bench.order(order(8, name));
  expect(bench.said).toEqual([[Msg.OrderResult, 8, Code.CommandUnknown, null]]);
});

it("refuses every command and tells its log where the app declares none", () => {
  const bench = device(undefined);
  bench.device.log("one");
  bench.device.log("two");
  bench.order(order(8));
  bench.order(order(9, null));
  expect(bench.said).toEqual([
    [Msg.OrderResult, 8, Code.CommandUnknown],
    [Msg.OrderResult, 9, 0, [0, "one|two", undefined]],
  ]);
});

it("takes other messages of the agent that it does not know for nothing", () => {
  const bench = device(() => 1);
  bench.order([99, 1, 2, null]);
  expect([bench.said, bench.checkIns]).toEqual([[], 0]);
});
