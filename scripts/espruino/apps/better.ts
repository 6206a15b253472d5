// The next release: the same with a setting.
import type { Device } from "../../../firmware/runtime/app.ts";

export const regions = [];
export const metrics = ["beat"];

export function start(device: Device) {
  let beats = 0;
  setInterval(() => {
    beats += (device.setting("step") as number) || 1;
    device.metric("beat", beats);
  }, 1000);
}

export function healthy() {
  return true;
}
