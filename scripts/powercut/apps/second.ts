// The update: another text, and well.
import type { Device } from "../../../firmware/runtime/app.ts";

export const regions = [];
export const metrics = ["ticks"];
export const settings = { step: { type: "number", min: 1, max: 60, default: 2 } };

export function start(device: Device) {
  const step = () => device.setting("step") as number;
  setInterval(() => device.metric("ticks", step()), 60_000);
}

export function healthy() {
  return true;
}
