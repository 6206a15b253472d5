/** What lies between an image that is installed and the restart into it, with the texts as they ship. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Code } from "../../firmware/protocol/errors.ts";
import {
  days,
  hours,
  minutes,
  type SimulatedDevice,
  seconds,
  simulate,
} from "../../scripts/testkit/index.ts";

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "hold-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** An app that holds restarts while the level at D1 is high, and tells how often it was asked. */
function holder(): string {
  const file = join(directory, "holder.ts");
  writeFileSync(
    file,
    `export const regions = [];
export const metrics = ["asked"];
let asked = 0;
let device;
export function start(d) { device = d; }
export function readyToReboot() {
  device.metric("asked", ++asked);
  return analogRead(D1) < 0.5;
}
declare const D1: any;
declare const analogRead: any;
`,
  );
  return file;
}

/** A device that has the next release installed and holds the restart into it. */
async function held(board: string) {
  // Few check-ins: they are what takes a test its time.
  const device = await simulate(holder(), { board, checkInS: 3600 });
  device.setAnalog("D1", 1);
  await device.offer(holder());
  const heard = (code: Code) => device.cloud.reports.filter((report) => report.code === code);
  device.until("install it", () => heard(Code.UpdateInstalled).length > 0);
  return { device, heard, since: device.nowMs };
}

function confirms(device: SimulatedDevice): void {
  const { cloud } = device;
  const runs = () => cloud.checkIns.at(-1)!.info.runningSequence === 2;
  device.until("confirm it", () => runs() && device.state.slot === "confirmed", hours(2));
  expect(device.state.failed).toBeNull();
}

/** Payload and manifest blocks, and offers, that the cloud sends from now on. */
function watch(device: SimulatedDevice): { count: number; offers: number } {
  const sent = { count: 0, offers: 0 };
  device.cloud.tamper = (message) => {
    if (message.kind === "block") sent.count++;
    if (message.kind === "reply" && message.offer) sent.offers++;
    return message;
  };
  return sent;
}

it("an app that is not ready to reboot is asked once a minute, holds the restart for a day and no longer, and is told of once", async () => {
  const { device, heard, since } = await held("linux");
  const sent = watch(device);
  device.advance(days(1) - minutes(1));
  expect(device.restarts).toBe(0);
  // As of a check-in, which is once an hour.
  const asked = device.metric("asked")!.last;
  expect(asked).toBeGreaterThanOrEqual(1440 - 70);
  expect(asked).toBeLessThanOrEqual(1440);
  expect(heard(Code.UpdateDeferred)).toHaveLength(1);
  device.until("restart", () => device.restarts === 1, minutes(2));
  expect((device.nowMs - since) / hours(1)).toBeCloseTo(24, 1);
  confirms(device);
  expect(sent.count).toBe(0);
});

describe.each(["puckjs", "linux"])("on %s, an app that is not ready to reboot", (board) => {
  it("lets it restart within a minute of being ready, on whatever day that is", async () => {
    const { device } = await held(board);
    device.advance(hours(3) + seconds(20));
    device.setAnalog("D1", 0);
    device.until("restart", () => device.restarts === 1, minutes(1) + seconds(1));
    confirms(device);
  });

  it("gets the same release offered at each check-in meanwhile, which changes nothing", async () => {
    const { device, heard, since } = await held(board);
    const sent = watch(device);
    const { plan, pageBytes } = device.board;
    const slotsOf = () =>
      Buffer.from(device.sim.storageImage().subarray(pageBytes, plan.journalPage * pageBytes));
    const slots = slotsOf();
    for (let i = 0; i < 30; i++) {
      device.advance(minutes(1));
      device.cloud.nudge();
      device.cloud.nudge();
    }
    expect(sent.offers).toBeGreaterThanOrEqual(60);
    device.until("check in", () => device.checkIns.at(-1)!.atMs > since, hours(2));
    expect(device.state).toMatchObject({ sequence: 1, slot: "confirmed", failed: null });
    expect(device.checkIns.at(-1)!.info.otherSequence).toBe(2);
    expect([sent.count, slotsOf().equals(slots)]).toEqual([0, true]);
    expect(heard(Code.UpdateInstalled)).toHaveLength(1);
    expect(heard(Code.UpdateStarted)).toHaveLength(1);
    device.setAnalog("D1", 0);
    device.until("restart", () => device.restarts === 1, minutes(2));
    confirms(device);
  });
});
