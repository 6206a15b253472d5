import { describe, expect, it } from "vitest";
import { minutes, simulate } from "../../scripts/testkit/index.ts";

const app = new URL("../../scripts/examples/button.ts", import.meta.url);

describe.each(["puckjs", "esp32"])("the button example on %s", (board) => {
  it("counts presses and blinks for as long as the owner wants", async () => {
    const device = await simulate(app, { board });
    device.press();
    expect(device.pinIsHigh("LED1")).toBe(true);
    device.advance(200);
    expect(device.pinIsHigh("LED1")).toBe(false);
    device.set({ blinkMs: 2000 });
    device.press();
    device.advance(1500);
    expect(device.pinIsHigh("LED1")).toBe(true);
    device.advance(minutes(2));
    expect(device.metric("presses")).toEqual({ least: 2, greatest: 2, last: 2 });
    expect(device.pinIsHigh("LED1")).toBe(false);
  });

  it("counts in the dark when the lamp is switched off", async () => {
    const device = await simulate(app, { board });
    device.set({ lamp: false });
    device.press();
    expect(device.pinIsHigh("LED1")).toBe(false);
    device.advance(minutes(2));
    expect(device.metric("presses")).toEqual({ least: 1, greatest: 1, last: 1 });
  });

  it("keeps the blink before when the owner's does not fit", async () => {
    const device = await simulate(app, { board });
    device.set({ blinkMs: 500 });
    device.set({ blinkMs: 20, lamp: "on" });
    expect(device.state.settingsRefused).toEqual({ blinkMs: 153, lamp: 152 });
    device.press();
    device.advance(390);
    expect(device.pinIsHigh("LED1")).toBe(true);
    device.advance(120);
    expect(device.pinIsHigh("LED1")).toBe(false);
  });
});
