// A light sensor on a battery: reads rarely, less often when the battery is low, and is unwell without its sensor.
import type { Device } from "fleetling/app";

const lowMv = 2400;
let light = 0;

export const metrics = ["light"];
export const settings = {
  everyS: { type: "number", min: 10, max: 3600, default: 60 },
};
export const regions = [];

function batteryMv() {
  return NRF.getBattery() * 1000;
}

export function start(device: Device) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const read = () => {
    light = Math.round(analogRead(D1) * 1000);
    device.metric("light", light);
    const everyMs = (device.setting("everyS") as number) * 1000;
    timer = setTimeout(read, batteryMv() < lowMv ? everyMs * 10 : everyMs);
  };
  device.onSettings(() => {
    if (timer !== undefined) clearTimeout(timer);
    read();
  });
  read();
}

export function healthy() {
  // An open input reads as full scale: the sensor is not there, or this image drives the wrong pin.
  return light < 1000 || "no sensor on D1";
}
