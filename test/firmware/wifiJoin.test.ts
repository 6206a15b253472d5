/** The shipped text of boards with Wi-Fi, in virtual time: how it joins, and what it tells of a time without. */
import { beforeAll, describe, expect, it } from "vitest";
import { IdAt } from "../../firmware/flash/identity.ts";
import { Code } from "../../firmware/protocol/errors.ts";
import { SlotState } from "../../firmware/protocol/messages.ts";
import { Bench, makeRig, type Rig, type Standing } from "../../scripts/powercut/bench.ts";
import { type FlowName, makeFlows } from "../../scripts/powercut/flows.ts";
import { makeMaterial } from "../../scripts/powercut/material.ts";
import type { WifiSurroundings } from "../../scripts/sim/board/machine.ts";
import { siteWifi } from "../../scripts/sim/board/wifiLib.ts";

const rigs = new Map<string, Rig>();
const rigOf = async (id: string) => {
  if (!rigs.has(id)) rigs.set(id, await makeRig(await makeMaterial(id)));
  return rigs.get(id)!;
};

/** A claimed device before it is switched on, or one at the start of another flow. */
async function benchOf(id: string, around: Partial<WifiSurroundings>, name: FlowName = "update") {
  const rig = await rigOf(id);
  const [flow] = makeFlows(rig, (one) => one === name).flows;
  const start: Standing = { ...flow!.start, flash: flow!.start.flash.fork() };
  const bench = new Bench(rig, start, "board");
  if (name === "update") bench.peer.state.offer = null;
  bench.sim.setWifi(around);
  bench.sim.powerOn();
  return bench;
}

const told = (bench: Bench) => bench.peer.state.checkIn;
const checksIn = (bench: Bench, limitMs: number) => {
  bench.peer.state.checkIn = null;
  return bench.run(() => told(bench) !== null, limitMs);
};

beforeAll(async () => {
  await rigOf("esp32");
  await rigOf("esp32c3");
}, 120_000);

describe.each(["esp32", "esp32c3"])("%s", (id) => {
  it("joins the network of its identity by itself, and has nothing to tell of it", async () => {
    const bench = await benchOf(id, siteWifi);
    expect(checksIn(bench, 10_000)).toBe(true);
    expect(told(bench)!.joinsFailed).toBeNull();
    expect(bench.sim.crashes).toBe(0);
  });

  it.each([
    ["a wrong password", { ...siteWifi, password: "another" }, Code.WifiRefused],
    ["no network of its name", { ...siteWifi, ssid: "another" }, Code.WifiNotFound],
    ["no network at all", { ssid: null }, Code.WifiNotFound],
    ["a join that is never answered", { ...siteWifi, isSilent: true }, Code.WifiFailed],
  ])("tells of %s by its code once it has joined, until answered", async (_what, bad, code) => {
    const bench = await benchOf(id, bad);
    expect(checksIn(bench, 240_000)).toBe(false);
    bench.sim.setWifi({ ...siteWifi, isSilent: false });
    expect(checksIn(bench, 100_000)).toBe(true);
    const { joinsFailed } = told(bench)!;
    expect(joinsFailed!.code).toBe(code);
    // Pauses of 1, 2, 4, 8, 16, 32 and 60 s, each shortened by at most half, and 4 or 30 s of each try.
    expect(joinsFailed!.count).toBeGreaterThanOrEqual(4);
    expect(joinsFailed!.count).toBeLessThanOrEqual(12);
    expect(checksIn(bench, 120_000)).toBe(true);
    expect(told(bench)!.joinsFailed).toBeNull();
    expect([bench.sim.crashes, bench.sim.starts]).toEqual([0, 1]);
  });

  it("joins again after its network was lost and came back", async () => {
    const bench = await benchOf(id, siteWifi);
    expect(checksIn(bench, 10_000)).toBe(true);
    bench.sim.setWifi({ ssid: null });
    expect(checksIn(bench, 200_000)).toBe(false);
    bench.sim.setWifi(siteWifi);
    expect(checksIn(bench, 100_000)).toBe(true);
    expect(told(bench)!.joinsFailed!.code).toBe(Code.WifiNotFound);
    expect([bench.sim.crashes, bench.sim.starts]).toEqual([0, 1]);
  });

  it("starts afresh when the power goes while it joins", async () => {
    const bench = await benchOf(id, siteWifi);
    for (let i = 0; i < 5; i++) {
      bench.clock.advance(100 + 250 * i);
      expect(told(bench)).toBeNull();
      bench.sim.powerOff();
      bench.sim.powerOn();
    }
    expect(checksIn(bench, 10_000)).toBe(true);
    expect(told(bench)!.runningSequence).toBe(1);
    expect(bench.sim.crashes).toBe(0);
  });

  it("leaves the network to others when its identity names none", async () => {
    const rig = await rigOf(id);
    const bench = await benchOf(id, { ...siteWifi, joinsAtBoot: true });
    bench.sim.powerOff();
    const { flash } = bench.sim;
    flash.powerOn();
    const { flashStart } = rig.material.board;
    flash.write(new Uint8Array(IdAt.WifiEnd - IdAt.Ssid), flashStart + IdAt.Ssid);
    bench.sim.powerOn();
    expect(checksIn(bench, 10_000)).toBe(true);
    bench.sim.powerOff();
    bench.sim.setWifi({ joinsAtBoot: false });
    bench.clock.advance(100);
    bench.sim.powerOn();
    expect(checksIn(bench, 300_000)).toBe(false);
    expect([bench.sim.crashes, bench.sim.running]).toEqual([0, true]);
  });

  it("forgets the network of a scrapped device, but not before its receipt was acknowledged", async () => {
    const bench = await benchOf(id, siteWifi, "wipe");
    expect(bench.run(() => bench.peer.state.receipt !== null, 600_000)).toBe(true);
    const { flash, board } = bench.sim;
    const wifi = () => flash.read(board.flashStart + IdAt.Ssid, IdAt.WifiEnd - IdAt.Ssid);
    expect(wifi().some((byte) => byte !== 0)).toBe(true);
    bench.clock.advance(5000);
    expect(wifi().every((byte) => byte === 0)).toBe(true);
    expect(bench.peer.state.faults).toEqual([]);
  });
});

it("an ESP32 in recovery joins by itself, tells why it was away, and takes a release", async () => {
  const bench = await benchOf("esp32", { ssid: null }, "recovery");
  expect(checksIn(bench, 60_000)).toBe(false);
  bench.sim.setWifi(siteWifi);
  expect(checksIn(bench, 100_000)).toBe(true);
  expect(told(bench)!.slotState).toBe(SlotState.Recovery);
  expect(told(bench)!.joinsFailed!.code).toBe(Code.WifiNotFound);
  expect(bench.run(() => told(bench)?.runningSequence === 2, 600_000)).toBe(true);
});
