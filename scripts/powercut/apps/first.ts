// What runs on the swept device at first.
import type { Device } from "../../../firmware/runtime/app.ts";

export const regions = [];
export const metrics = ["ticks"];

export function start(device: Device) {
  setInterval(() => device.metric("ticks", 1), 60_000);
}
