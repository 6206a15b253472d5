// The update: another text, and well.
import type { Device } from "../../../firmware/runtime/app.ts";

export const regions = [];
export const metrics = ["ticks"];

export function start(device: Device) {
  const step = () => (device.setting("step") as number) || 2;
  setInterval(() => device.metric("ticks", step()), 60_000);
}

export function healthy() {
  return true;
}
