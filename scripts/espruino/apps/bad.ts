// A release that ends with an error at every start: the trial must give the device back.
import type { Device } from "../../../firmware/runtime/app.ts";

export const regions = [];

export function start(device: Device) {
  const missing = device.setting("never-set") as unknown as { value: number };
  setInterval(() => {
    missing.value++;
  }, 100);
}
