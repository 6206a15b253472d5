/** A release that only a person in the field may confirm, with the texts as they ship. */
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
  simulate,
} from "../../scripts/testkit/index.ts";

let app: string;
let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "field-"));
  app = join(directory, "app.ts");
  // A long press is a person's word; the sensor at D1 says whether the app is well.
  writeFileSync(
    app,
    `export const regions = [];
export function start(device) { setWatch(() => device.confirm(), BTN1, { repeat: true, edge: "rising" }); }
export function healthy() { return analogRead(D1) < 0.5 || "sensor is off"; }
declare const D1: any, BTN1: any;
declare const analogRead: any, setWatch: any;
`,
  );
});
afterAll(() => rmSync(directory, { recursive: true }));

/** A device that runs release 2 on trial until a person confirms it. */
async function onTrial(trialMinutes = 60): Promise<SimulatedDevice> {
  const device = await simulate(app);
  await device.offer(app, { confirmedBy: "field", trialMinutes });
  const tells = () => device.checkIns.at(-1)!.info.fieldMinutesLeft !== undefined;
  device.until("wait for the field", tells, minutes(20));
  return device;
}

describe("a release that a person in the field has to confirm", () => {
  it("stays on trial however often the agent answers, and counts down its minutes", async () => {
    const device = await onTrial();
    expect(device.state).toMatchObject({ sequence: 2, slot: "trial", fieldMinutesLeft: 60 });
    device.advance(minutes(30));
    expect(device.state).toMatchObject({ sequence: 2, slot: "trial" });
    // As of the last check-in, which is a minute ago at most.
    expect([30, 31]).toContain(device.state.fieldMinutesLeft);
    expect(device.restarts).toBe(1);
  });

  it("is confirmed at once by the agent's order, and waits no more", async () => {
    const device = await onTrial();
    device.confirm();
    expect(device.state).toMatchObject({ sequence: 2, slot: "confirmed", fieldMinutesLeft: null });
    device.advance(hours(2));
    expect(device.state).toMatchObject({ sequence: 2, slot: "confirmed", failed: null });
  });

  it("is confirmed by the app's button without any agent, and stays over a restart", async () => {
    const device = await onTrial();
    device.cloud.isReachable = false;
    device.advance(minutes(10));
    device.press();
    device.powerOff(1000);
    device.advance(hours(2));
    device.cloud.isReachable = true;
    device.advance(minutes(10));
    expect(device.state).toMatchObject({ sequence: 2, slot: "confirmed", failed: null });
    expect(device.restarts).toBe(2);
  });

  it("is taken back when nobody confirms it before its minutes are over", async () => {
    const device = await onTrial(15);
    device.until("take it back", () => device.state.failed !== null, hours(1));
    expect(device.state).toMatchObject({
      ...{ sequence: 1, slot: "confirmed", fieldMinutesLeft: null },
      failed: { sequence: 2, code: Code.TrialDeadline, text: "nobody confirmed it in the field" },
    });
    expect(device.state.poison).toHaveLength(1);
  });

  it("is not confirmed against the app's own judgement; the person may say it again", async () => {
    const device = await onTrial();
    device.setAnalog("D1", 1);
    device.press();
    device.confirm();
    expect(device.state.slot).toBe("trial");
    device.cloud.orders = [];
    device.setAnalog("D1", 0);
    device.advance(minutes(3));
    expect(device.state.slot).toBe("trial");
    device.press();
    device.advance(minutes(1));
    expect(device.state).toMatchObject({ sequence: 2, slot: "confirmed" });
  });

  it("waits for the person in local mode too", async () => {
    const device = await onTrial(1440);
    device.cloud.isReachable = false;
    device.advance(hours(20));
    device.cloud.isReachable = true;
    device.advance(minutes(10));
    expect(device.state).toMatchObject({ sequence: 2, slot: "trial" });
    device.confirm();
    expect(device.state.slot).toBe("confirmed");
  });
});

it.each([
  ["another release than the one on trial", 7],
  ["a release that does not run", 3],
])("an order to confirm %s is refused by 143 and changes nothing", async (_, sequence) => {
  const device = await onTrial();
  device.confirm(sequence);
  expect(device.cloud.orderResults.at(-1)?.code).toBe(Code.NothingToConfirm);
  device.advance(minutes(2));
  expect(device.state).toMatchObject({ sequence: 2, slot: "trial" });
});

it("an order to confirm what is confirmed already is done", async () => {
  const device = await simulate(app);
  device.cloud.orders.push({ kind: "confirm", orderId: 9, sequence: 1 });
  const contact = device.cloud.nudge.bind(device.cloud);
  contact();
  device.advance(minutes(1));
  expect(device.cloud.orderResults.every(({ code }) => code === Code.Ok)).toBe(true);
  expect(device.state).toMatchObject({ sequence: 1, slot: "confirmed" });
});

it("a button press neither shortens the calm of an ordinary release nor stands for the agent's answer", async () => {
  const device = await simulate(app);
  await device.offer(app);
  device.until("restart", () => device.restarts === 1, minutes(20));
  device.cloud.isReachable = false;
  for (let i = 0; i < 5; i++) {
    device.press();
    device.advance(minutes(5));
  }
  device.powerOff();
  device.advance(days(1));
  device.cloud.isReachable = true;
  device.powerOn();
  device.until("check in", () => device.state.sequence === 2, minutes(5));
  device.press();
  expect(device.state.slot).toBe("trial");
  device.until("be confirmed", () => device.state.slot === "confirmed", minutes(5));
});
