// Release 1.0 of the demo's product: a light sensor that reads four times a second.
import type { Device } from "../../../firmware/runtime/app.ts";

export const regions = [];
export const metrics = ["light"];

export function start(device: Device) {
  setInterval(() => {
    device.metric("light", analogRead(D1) * 1000);
  }, 250);
}
