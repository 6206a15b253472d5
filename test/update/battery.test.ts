/** A board's own least supply for an update, with the texts as they ship. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { boards } from "../../boards/index.ts";
import { Code } from "../../firmware/protocol/errors.ts";
import { minutes, type SimulatedDevice, simulate } from "../../scripts/testkit/index.ts";

let directory: string;
let app: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "battery-"));
  app = join(directory, "app.ts");
  writeFileSync(app, "export const regions = [];\nexport function start() {}\n");
});
afterAll(() => rmSync(directory, { recursive: true }));

const least = boards.puckjs!.updateBatteryMinMv!;
const refusal = (device: SimulatedDevice) => device.checkIns.at(-1)!.info.refused;
const isNew = (device: SimulatedDevice) =>
  device.checkIns.at(-1)!.info.runningSequence === 2 && device.state.slot === "confirmed";

/** Kinds of the blocks that the cloud sends from now on. */
function blocks(device: SimulatedDevice): number[] {
  const sent: number[] = [];
  device.cloud.tamper = (message) => {
    if (message.kind === "block") sent.push(message.what);
    return message;
  };
  return sent;
}

describe("a Puck.js whose cell is below its board's least for an update", () => {
  it("refuses by 116 at each offer without asking for the manifest, and takes it once the cell is fresh", async () => {
    const device = await simulate(app);
    const sent = blocks(device);
    const written = () => device.sim.flash.operations;
    device.setBattery(least - 1);
    const before = written();
    await device.offer(app);
    device.until("refuse it", () => refusal(device) !== null, minutes(5));
    device.advance(minutes(5));
    expect(refusal(device)).toEqual({ sequence: 2, code: Code.BatteryTooLow });
    const told = device.cloud.reports.filter(({ code }) => code === Code.BatteryTooLow);
    expect(told.length).toBeGreaterThanOrEqual(5);
    expect([sent, written()]).toEqual([[], before]);
    device.setBattery(least);
    device.until("run it", () => isNew(device), minutes(15));
    expect(refusal(device)).toBeNull();
  });

  it("goes on with a download that it has begun only when the cell is fresh again, from where it stood", async () => {
    const device = await simulate(app);
    await device.offer(app);
    let last = 0;
    device.cloud.tamper = (message) => {
      if (message.kind === "block" && message.what > 0) last = message.offset;
      return message;
    };
    device.until("download a page", () => last > device.board.pageBytes, minutes(5));
    device.setBattery(least - 200);
    device.powerOff(1000);
    const sent = blocks(device);
    device.until("refuse to go on", () => refusal(device) !== null, minutes(5));
    device.advance(minutes(3));
    expect([refusal(device)!.code, sent]).toEqual([Code.BatteryTooLow, []]);
    expect(device.checkIns.at(-1)!.info.download?.bytesDone).toBe(device.board.pageBytes);
    device.setBattery(least + 300);
    device.until("run it", () => isNew(device), minutes(15));
    // The envelope was not fetched again.
    expect(sent).not.toContain(0);
  });
});

describe("a micro:bit 2 whose cells are low", () => {
  it("is not sent into its core by an offer that the core would refuse", async () => {
    const device = await simulate(app, { board: "microbit2" });
    device.setBattery(boards.microbit2!.updateBatteryMinMv! - 1);
    await device.offer(app);
    device.until("refuse it", () => refusal(device) !== null, minutes(10));
    device.advance(minutes(10));
    expect([device.restarts, device.state.slot]).toEqual([0, "confirmed"]);
    expect(refusal(device)).toEqual({ sequence: 2, code: Code.BatteryTooLow });
  });

  it("goes on with a download once it has given its image up, at any supply", async () => {
    const device = await simulate(app, { board: "microbit2" });
    await device.offer(app);
    const begun = () => (device.checkIns.at(-1)!.info.download ?? null) !== null;
    device.until(
      "give its image up",
      () => begun() || device.cloud.reports.some(({ code }) => code === Code.UpdateStarted),
      minutes(30),
    );
    device.setBattery(1900);
    device.powerOff(1000);
    device.until("run it", () => isNew(device), minutes(60));
    expect(device.restarts).toBeGreaterThanOrEqual(2);
  });
});

it("each board that names a least supply can measure it, and names where the number comes from", () => {
  for (const board of Object.values(boards)) {
    if (board.updateBatteryMinMv === undefined) continue;
    expect(board.measure.batteryMv, board.id).toBeDefined();
    expect(board.updateBatteryMinMv, board.id).toBeGreaterThan(1800);
    expect(board.sources.updateBatteryMinMv, board.id).toMatch(/\[H\]/);
  }
});
