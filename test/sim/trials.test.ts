/** Trials, boot loops and the core alone with the texts as they ship, on simulated boards and in virtual time. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { slotAddresses } from "../../boards/index.ts";
import { Code } from "../../firmware/protocol/errors.ts";
import { trialBootsMax, trialFailsMax } from "../../firmware/protocol/limits.ts";
import { ResetReason } from "../../firmware/protocol/messages.ts";
import { minutes, type SimulatedDevice, seconds, simulate } from "../../scripts/testkit/index.ts";

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "trials-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** An app whose start does this. */
function app(name: string, start: string, rest = ""): string {
  const file = join(directory, `${name}.ts`);
  writeFileSync(
    file,
    `export const regions = [];\nexport function start(device) { ${start} }\n${rest}`,
  );
  return file;
}

const good = () => app("good", 'print("old up")');
const better = () => app("better", 'print("new up")');

/** Counts the starts of an image by what its app prints. */
const startsOf = (device: SimulatedDevice, line: string) =>
  device.printed.filter((one) => one === line).length;
const resetReason = (device: SimulatedDevice) => device.checkIns.at(-1)?.info.resetReason;

/** Takes the release, and stops at its first start. */
async function onTrial(device: SimulatedDevice, release: string, trialMinutes = 60) {
  device.cloud.isReachable = true;
  await device.offer(release, { trialMinutes });
  const before = device.restarts;
  device.until("restart into the release", () => device.restarts > before, minutes(20));
}

describe.each(["puckjs", "linux"])("on a %s, a release that crashes at its start", (board) => {
  it("is abandoned after three failures, and the old image runs and says why", async () => {
    const device = await simulate(good(), { board });
    const bad = app("bad", 'print("new up"); throw new Error("no valve");');
    expect(await device.update(bad)).toMatchObject({
      ...{ sequence: 1, slot: "confirmed" },
      failed: { sequence: 2, code: Code.TrialCrashed, text: "Error: no valve" },
    });
    expect(startsOf(device, "new up")).toBe(trialFailsMax);
    expect(resetReason(device)).toBe(ResetReason.Crash);
    // It is not taken again by itself.
    device.advance(minutes(30));
    expect(startsOf(device, "new up")).toBe(trialFailsMax);
  });
});

describe("on a Puck.js, a release", () => {
  it("that hangs is ended by the watchdog, each time as a failure, and the cause is reported", async () => {
    const device = await simulate(good(), { hostLimitMs: 1500 });
    const hangs = app("hangs", 'print("new up"); for (;;) ;');
    const state = await device.update(hangs);
    expect(state.failed).toEqual({ sequence: 2, code: Code.TrialCrashed, text: "", log: "" });
    expect(state).toMatchObject({ sequence: 1, slot: "confirmed" });
    expect(startsOf(device, "new up")).toBe(trialFailsMax);
    expect(resetReason(device)).toBe(ResetReason.Watchdog);
  });

  it("that browns the board out at each start is abandoned after ten, and the old one runs and says so", async () => {
    const device = await simulate(good());
    await onTrial(
      device,
      app("load", 'print("new up"); LED1.write(1);', "declare const LED1: any;"),
    );
    for (let start = 1; start <= trialBootsMax; start++) {
      expect([startsOf(device, "new up"), device.pinIsHigh("LED1")]).toEqual([start, true]);
      device.powerOff();
      device.advance(seconds(1));
      device.sim.powerOn("brown-out");
    }
    expect([startsOf(device, "new up"), startsOf(device, "old up")]).toEqual([trialBootsMax, 2]);
    device.until("check in", () => device.state.failed !== null, minutes(5));
    expect(device.state).toMatchObject({
      ...{ sequence: 1, slot: "confirmed" },
      failed: { sequence: 2, code: Code.TrialBoots, text: "" },
    });
    expect(resetReason(device)).toBe(ResetReason.PowerOn);
  });

  it("that is well stays on trial over nine innocent power cycles, and is confirmed behind them", async () => {
    const device = await simulate(good());
    await onTrial(device, better());
    for (let cycle = 1; cycle < trialBootsMax; cycle++) {
      device.powerOff(seconds(1));
      device.advance(cycle * 50);
    }
    expect(startsOf(device, "new up")).toBe(trialBootsMax);
    device.until("be confirmed", () => device.state.slot === "confirmed", minutes(10));
    expect(device.state).toMatchObject({ sequence: 2, failed: null });
  });

  it("that nobody answers has the minutes of its trial over all restarts together, and no more", async () => {
    const device = await simulate(good());
    await onTrial(device, better(), 6);
    device.cloud.isReachable = false;
    for (let cycle = 0; cycle < 5; cycle++) {
      device.advance(minutes(1) + seconds(1));
      device.powerOff(minutes(60));
    }
    device.advance(seconds(59));
    expect([startsOf(device, "new up"), startsOf(device, "old up")]).toEqual([6, 1]);
    device.advance(seconds(2));
    expect([startsOf(device, "new up"), startsOf(device, "old up")]).toEqual([6, 2]);
    device.cloud.isReachable = true;
    device.until("check in", () => device.state.failed !== null, minutes(30));
    expect(device.state.failed).toEqual({
      ...{ sequence: 2, code: Code.TrialDeadline, text: "no answer of the agent", log: "" },
    });
  });
});

describe("on a Puck.js, a confirmed image", () => {
  it("outlives 300 power cycles without a moment of calm", async () => {
    const device = await simulate(good());
    const before = startsOf(device, "old up");
    let seen = 0;
    device.sim.onEvent((event) => {
      if (event.kind === "print" && event.line === "old up") seen++;
    });
    for (let cycle = 0; cycle < 300; cycle++) {
      device.powerOff(10);
      device.advance(cycle % 90);
    }
    expect([before, seen]).toEqual([1, 300]);
    device.advance(minutes(3));
    expect(device.state).toMatchObject({ sequence: 1, slot: "confirmed", failed: null });
  });

  const fragile = () =>
    app("fragile", 'if (analogRead(D1) > 0.5) throw "short circuit"; print("old up");');
  /** Lets the app crash at its starts from now on, until the core is alone. */
  const loop = (device: SimulatedDevice) => {
    device.setAnalog("D1", 1);
    device.powerOff(seconds(1));
    device.until("end in the core alone", () => device.state.slot === "recovery", minutes(5));
  };

  it("that loops leaves the core alone, which takes an update and runs it", async () => {
    const device = await simulate(fragile());
    loop(device);
    expect(device.restarts).toBe(1 + trialFailsMax);
    expect(resetReason(device)).toBe(ResetReason.Crash);
    expect(await device.update(better())).toMatchObject({ sequence: 2, slot: "confirmed" });
    expect(startsOf(device, "new up")).toBe(1);
  });

  it("that looped gets its next chance after ten minutes in the core, and counts as good again then", async () => {
    const device = await simulate(fragile());
    loop(device);
    device.advance(minutes(9));
    device.setAnalog("D1", 0);
    expect([device.state.slot, startsOf(device, "old up")]).toEqual(["recovery", 1]);
    device.until("run again", () => device.state.slot === "confirmed", minutes(2));
    expect(startsOf(device, "old up")).toBe(2);
    // As many failures as before are needed: nothing is left of the loop.
    const before = device.restarts;
    loop(device);
    expect(device.restarts).toBe(before + 1 + trialFailsMax);
  });
});

describe("an image whose slot lost a bit", () => {
  it("is no poison: the same image mends the device from its core", async () => {
    const device = await simulate(good());
    device.powerOff();
    const at = device.board.flashStart + slotAddresses(device.board)[0]! + 64;
    device.sim.flash.powerOn();
    device.sim.flash.write(new Uint8Array(8), at);
    device.powerOn();
    device.until("the core alone", () => device.checkIns.at(-1)?.info.slotState === 2, minutes(5));
    const state = await device.update(good());
    expect(state).toMatchObject({ sequence: 2, slot: "confirmed" });
  });
});
