// A release that is well: what the story's device is born with and updated to.
import type { Device } from "../../../firmware/runtime/app.ts";

export const regions = [];
export const metrics = ["beat"];

export function start(device: Device) {
  let beats = 0;
  setInterval(() => {
    device.metric("beat", ++beats);
  }, 1000);
}
