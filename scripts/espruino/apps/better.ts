// The next release: the same with a setting, and commands that end in each way.
import type { CommandValue, Device } from "../../../firmware/runtime/app.ts";

export const regions = [];
export const metrics = ["beat"];
export const settings = { step: { type: "number", min: 1, max: 60, default: 1 } };

let beats = 0;
export const commands = {
  add: (n: CommandValue) => (beats += n as number),
  half: () => 0.5,
  double: () => 4 / 2,
  long: () => "abcdefg".repeat(7),
  fail() {
    throw new Error("no luck");
  },
  restart() {
    E.reboot();
  },
};

export function start(device: Device) {
  device.log("begins");
  setInterval(() => {
    beats += device.setting("step") as number;
    device.metric("beat", beats);
  }, 1000);
}

export function healthy() {
  return true;
}
