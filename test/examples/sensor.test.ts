import { describe, expect, it } from "vitest";
import { hours, minutes, simulate } from "../../scripts/testkit/index.ts";

const app = new URL("../../scripts/examples/sensor.ts", import.meta.url);

describe("the sensor example", () => {
  it("reports light of D1 in thousandths, once a minute", async () => {
    const device = await simulate(app);
    device.setAnalog("D1", 0.25);
    device.advance(minutes(3));
    device.setAnalog("D1", 0.75);
    device.advance(minutes(3));
    expect(device.metric("light")).toEqual({ least: 750, greatest: 750, last: 750 });
    const told = device.checkIns.flatMap(({ values }) => values["m.light"] ?? []);
    expect(new Set(told)).toEqual(new Set([0, 250, 750]));
  });

  it("reads as often as the owner says, from that moment on", async () => {
    const device = await simulate(app, { checkInS: 3600 });
    device.set({ everyS: 600 });
    device.setAnalog("D1", 0.5);
    device.advance(minutes(9));
    device.setAnalog("D1", 0.25);
    device.advance(hours(2));
    const told = device.checkIns.flatMap(({ values }) => values["m.light"] ?? []);
    expect(new Set(told)).toEqual(new Set([0, 250]));
  });

  it("reads ten times less often on a low battery", async () => {
    const reads = async (milliVolt: number) => {
      const device = await simulate(app);
      device.setBattery(milliVolt);
      device.advance(minutes(2));
      const before = device.sim.battery.operations.analogRead;
      device.advance(hours(2));
      const vitals = device.checkIns.at(-1)!.values.batteryMv;
      expect(vitals).toEqual([milliVolt, milliVolt, milliVolt]);
      return device.sim.battery.operations.analogRead - before;
    };
    const full = await reads(3000);
    const low = await reads(2300);
    // Each reading also looks at the battery, and so does each check-in.
    expect(full - low).toBe(2 * (120 - 12));
  });

  it("is not confirmed by a device without the sensor, which takes the old release back and says why", async () => {
    const device = await simulate(app);
    device.setAnalog("D1", 1);
    const state = await device.update(app, { trialMinutes: 5 });
    expect(state.sequence).toBe(1);
    expect(state.failed).toMatchObject({ sequence: 2, code: 211, text: "no sensor on D1" });
  });

  it("is confirmed by a device with its sensor", async () => {
    const device = await simulate(app);
    device.setAnalog("D1", 0.5);
    const state = await device.update(app);
    expect(state).toMatchObject({ sequence: 2, slot: "confirmed", failed: null });
  });
});
