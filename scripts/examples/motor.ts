// A motor that opens and closes a valve: it does not restart while it moves, and it lets go of the owner's end stop in a wipe.
import type { Device } from "fleetling/app";

let isMoving = false;

export const metrics = ["moves", "blocked"];
export const settings = {
  travelS: { type: "number", min: 1, max: 120, default: 20 },
  mode: { type: "string", choices: ["auto", "closed"], default: "auto" },
};
export const regions = [
  {
    name: "end stop",
    clear() {
      digitalWrite(D2, 0);
    },
  },
];

export function start(device: Device) {
  let moves = 0;
  setWatch(
    () => {
      if (isMoving || device.setting("mode") === "closed") {
        device.metric("blocked", 1);
        return;
      }
      isMoving = true;
      digitalWrite(D3, 1);
      setTimeout(
        () => {
          digitalWrite(D3, 0);
          isMoving = false;
          device.metric("moves", ++moves);
        },
        (device.setting("travelS") as number) * 1000,
      );
    },
    D1,
    { repeat: true, edge: "rising" },
  );
}

export function readyToReboot() {
  return !isMoving;
}
