/** Firmware of a board, linked among the surroundings of the device whose turn it is. */
import vm from "node:vm";
import type { Kit } from "../../firmware/core/kit.ts";
import type { Hal } from "../../firmware/hal/hal.ts";
import type { App } from "../../firmware/runtime/app.ts";

/** What device code finds around it, for the device whose turn it is. */
export interface Surroundings {
  hardware: {
    batteryMv: number;
    temperatureDeciC: number;
    resetReason: number;
  };
  process: { version: string; memory(): { usage: number; total: number; free: number } };
  getTime(): number;
  require(name: string): unknown;
}

export interface Firmware {
  setHal(hal: Hal): void;
  decideBoot(kit: Kit): void;
  /** by number of the part */
  parts: ((kit: Kit) => unknown)[];
  main(kit: Kit, makeApp: () => App): void;
}

/** @param text of firmwareText */
export function linkFirmware(text: string, around: Surroundings): Firmware {
  const program = `(function (link, { hardware, process, getTime, require }) {\n${text}\n})`;
  let linked: Firmware | null = null;
  new vm.Script(program, { filename: "firmware" }).runInThisContext()((made: Firmware) => {
    linked = made;
  }, around);
  return linked!;
}
