/** Limits of vitals, from the words of `fleetling release sign --limit` to a trial on the device. */
import { expect, it } from "vitest";
import { simulate } from "../../scripts/testkit/index.ts";

const app = new URL("../../scripts/examples/sensor.ts", import.meta.url);

async function update(milliVolt: number, limits: string[]) {
  const device = await simulate(app);
  device.setAnalog("D1", 0.5);
  device.setBattery(milliVolt);
  const state = await device.update(app, { limits });
  return { device, state };
}

it("a release whose signed limit the battery does not reach is taken back at once, with value and limit", async () => {
  const { device, state } = await update(2450, ["batteryMv>=2500"]);
  expect(state).toMatchObject({
    ...{ sequence: 1, slot: "confirmed" },
    failed: { sequence: 2, code: 150, text: "vital 1 is 2450, not 2500..null" },
  });
  expect(device.restarts).toBe(2);
});

it("a release is taken back for a vital above its signed limit", async () => {
  const { state } = await update(2500, ["batteryMv>=2100", "batteryMv<=2400"]);
  expect(state.failed).toMatchObject({ code: 150, text: "vital 1 is 2500, not 2100..2400" });
});

it("a release with its vitals on the very limits is confirmed", async () => {
  const { state } = await update(2400, ["batteryMv>=2400", "batteryMv<=2400"]);
  expect(state).toMatchObject({ sequence: 2, slot: "confirmed", failed: null });
});
