// The next release: the same with a setting.
import type { Device } from "../../../firmware/runtime/app.ts";

export const regions = [];
export const metrics = ["beat"];
export const settings = { step: { type: "number", min: 1, max: 60, default: 1 } };

export function start(device: Device) {
  let beats = 0;
  setInterval(() => {
    beats += device.setting("step") as number;
    device.metric("beat", beats);
  }, 1000);
}

export function healthy() {
  return true;
}
