// A lamp that a person can have do things from afar: show itself, and be switched.
import type { CommandValue, Device } from "fleetling/app";

export const regions = []; // keeps nothing of the owner's

let device: Device;
let isLit = false;

export const commands = {
  // Whoever looks for it sees which one it is.
  identify() {
    digitalPulse(LED1, !isLit, 3000);
    return isLit ? "dark for 3 s" : "lit for 3 s";
  },
  light(isOn: CommandValue) {
    if (typeof isOn !== "boolean") throw "expected true or false";
    digitalWrite(LED1, isOn);
    isLit = isOn;
    device.log(isOn ? "on" : "off");
    return isOn;
  },
};

export function start(given: Device) {
  device = given;
}
