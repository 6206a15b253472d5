// An update that ends at each start, so that its trial fails.
import type { Device } from "../../../firmware/runtime/app.ts";

export const regions = [];

export function start(device: Device) {
  throw new Error("no start for " + device.serial);
}
