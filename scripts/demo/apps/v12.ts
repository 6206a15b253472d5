// Release 1.2 is bad on purpose. "Smoother" readings: it reads four times as often, which drains the battery; and on a
// Puck.js it uses a calibration that this board never had, so that it ends at once.
import type { Device } from "../../../firmware/runtime/app.ts";

export const regions = [];
export const metrics = ["light"];

function calibration(): { slope: number } | null {
  return process.env.BOARD === "PUCKJS" ? null : { slope: 1000 };
}

export function start(device: Device) {
  const slope = calibration()!.slope;
  setInterval(() => {
    let sum = 0;
    for (let i = 0; i < 4; i++) sum += analogRead(D1) * slope;
    device.metric("light", sum / 4);
  }, 250);
}
