// A button: counts presses, answers each with a blink, and tells the day's count.
import type { Device } from "fleetling/app";

export const metrics = ["presses"];
export const settings = {
  blinkMs: { type: "number", min: 50, max: 2000, default: 200 },
  lamp: { type: "boolean", default: true },
};
export const regions = []; // keeps nothing of the owner's

export function start(device: Device) {
  let presses = 0;
  setWatch(
    () => {
      device.metric("presses", ++presses);
      if (device.setting("lamp")) digitalPulse(LED1, 1, device.setting("blinkMs") as number);
    },
    BTN1,
    { repeat: true, edge: "rising", debounce: 20 },
  );
}
