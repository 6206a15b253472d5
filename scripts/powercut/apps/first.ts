// What runs on the swept device at first.
import type { Device } from "../../../firmware/runtime/app.ts";

export const regions = [];
export const metrics = ["ticks"];
export const settings = { step: { type: "number", min: 1, max: 60, default: 1 } };

let runs = 0;
export const commands = { beat: () => ++runs };

export function start(device: Device) {
  setInterval(() => device.metric("ticks", device.setting("step") as number), 60_000);
}
