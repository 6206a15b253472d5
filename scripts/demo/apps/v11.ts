// Release 1.1: the owner can set an offset; the rest as before.
import type { Device } from "../../../firmware/runtime/app.ts";

export const regions = [];
export const metrics = ["light"];
export const settings = {
  offset: { type: "number", min: -1000, max: 1000, default: 0 },
};

export function start(device: Device) {
  const offset = () => device.setting("offset") as number;
  setInterval(() => {
    device.metric("light", analogRead(D1) * 1000 + offset());
  }, 250);
}

export function healthy() {
  return true;
}
