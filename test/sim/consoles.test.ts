/** Nobody gets in: whatever is typed at any port of a device gives no answer and changes nothing, in every state that a
 *  device can be in, from the first moment that bytes can reach it. */
import { describe, expect, it } from "vitest";
import { boards } from "../../boards/index.ts";
import { Bench, makeRig, type Rig } from "../../scripts/powercut/bench.ts";
import { type Flow, makeFlows } from "../../scripts/powercut/flows.ts";
import { flowLimitMs } from "../../scripts/powercut/ground.ts";
import { makeMaterial } from "../../scripts/powercut/material.ts";
import { SimBoard } from "../../scripts/sim/board/simBoard.ts";
import { VirtualClock } from "../../scripts/sim/clock.ts";
import { typed } from "../support/typed.ts";
import { composeStorage } from "./support/image.ts";

const ports = ["USB", "Serial1", "Bluetooth", "Telnet"];
const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));

/** Types at every port. @returns all that came out of them */
function typeAt(sim: SimBoard) {
  const heard: string[] = [];
  for (const port of ports) {
    sim.onPort(port, (data) => heard.push(Buffer.from(data).toString("latin1")));
  }
  const type = () => {
    for (const port of ports) sim.feed(port, bytesOf(typed));
  };
  return { heard, type };
}

/** Plays a flow while somebody types at once and then every 100 ms for three seconds. */
function play(rig: Rig, flow: Flow): Bench & { heard: string[] } {
  const start = { ...flow.start, flash: flow.start.flash.fork() };
  const bench = new Bench(rig, start, "board");
  const { heard, type } = typeAt(bench.sim);
  bench.sim.onEvent((event) => {
    if (event.kind === "started") bench.clock.after(0, type);
  });
  bench.sim.powerOn();
  type();
  for (let ms = 50; ms <= 3_000; ms += 100) bench.clock.after(ms, type);
  bench.run(() => false, 4_000);
  expect(bench.run(() => flow.isDone(bench), flowLimitMs)).toBe(true);
  return Object.assign(bench, { heard });
}

describe("the search for an open console", () => {
  it.each(["puckjs", "esp32", "linux"])("finds those of a %s without firmware", (id) => {
    const board = boards[id]!;
    const clock = new VirtualClock();
    const sim = new SimBoard({ board, clock, storage: composeStorage(board, "1") });
    const { heard, type } = typeAt(sim);
    sim.powerOn();
    type();
    clock.advance(100);
    expect(heard.join("")).toContain("PWNED");
  });
});

describe.each(["puckjs", "esp32"])("a %s", (id) => {
  it("answers nobody at any port: at boot, claimed, in an update, on trial, in recovery and while it wipes", async () => {
    const rig = await makeRig(await makeMaterial(id));
    const wanted = ["claim", "settings", "update", "confirm", "recovery", "wipe"];
    const { flows } = makeFlows(rig, (name) => wanted.includes(name));
    expect(flows.map((flow) => flow.name).sort()).toEqual([...wanted].sort());
    for (const flow of flows) {
      const bench = play(rig, flow);
      const found = [...bench.heard, ...bench.sim.printedLines].filter((text) =>
        /PWNED|=42|Uncaught|\r\n>/.test(text),
      );
      expect([flow.name, found]).toEqual([flow.name, []]);
      const image = Buffer.from(bench.sim.storageImage()).toString("latin1");
      expect([flow.name, image.includes("PWNED")]).toEqual([flow.name, false]);
      expect([flow.name, ports.filter((port) => bench.sim.console.isOpen(port))]).toEqual([
        flow.name,
        [],
      ]);
      expect([flow.name, bench.peer.state.faults]).toEqual([flow.name, []]);
    }
  });
});
