/** What goes wrong in a rehearsal: in the field as ever, and by a defect that is planted in the new release. */
import { field } from "../sim/field/model.ts";

export interface Faults {
  /** share of devices that sleep for hours by design */
  sleepers: number;
  /** share of devices that are away when it begins, for two weeks on average */
  away: number;
  /** share of messages lost on the air, and of places where it is far more */
  loss: number;
  poorShare: number;
  /** power cuts per device and day */
  powerCuts: number;
  /** largest error of a device's clock, parts per million */
  driftPpm: number;
  /** share of cells that are nearly empty when it begins */
  weak: number;
  /** outages of a whole site, per day */
  outages: number;
  /** share of devices a day that nobody ever hears of again */
  vanish: number;
}

/** The field model's own figures; weak cells and clock errors are assumptions: coin cells are changed late, and crystals of
 *  nRF52 boards are good to 50 ppm (their data sheets: 20 to 250 ppm). */
export const usualFaults: Faults = {
  sleepers: field.sleepers,
  away: field.dormant,
  loss: field.loss.usual,
  poorShare: field.loss.poorShare,
  powerCuts: field.powerCycles,
  driftPpm: 50,
  weak: 0.02,
  outages: field.outage.perDay,
  vanish: field.vanish,
};

/** A defect of the new release's app. */
export interface Planted {
  /** times the usual drain */
  drain?: number;
  /** permille of memory an hour; full memory is a crash */
  leak?: number;
  /** crashes a day while it runs */
  crashes?: number;
  /** board whose devices lose their network some hours after the start */
  lost?: string;
  /** start() throws */
  bootCrash?: true;
  /** healthy() says no */
  unhealthy?: true;
  /** the loop hangs some seconds after the start: the watchdog ends it */
  hang?: true;
  /** the board browns out while the app starts */
  brownOut?: true;
}

export const plantedHelp = [
  "drain=2        twice the usual drain",
  "leak=2         two permille of memory an hour",
  "crashes=1      one crash a day",
  "lost=puckjs    devices of a board lose the network within hours",
  "boot-crash     the app throws at its start",
  "unhealthy      healthy() says no",
  "hang           the loop hangs; the watchdog ends it",
  "brown-out      the board browns out while the app starts",
];

const words: Record<string, keyof Planted> = {
  drain: "drain",
  leak: "leak",
  crashes: "crashes",
  lost: "lost",
  "boot-crash": "bootCrash",
  unhealthy: "unhealthy",
  hang: "hang",
  "brown-out": "brownOut",
};

/** Reads "drain=2" and the like. @returns null when it is none */
export function readPlanted(text: string): Planted | null {
  const [name = "", value] = text.split("=", 2);
  const key = words[name];
  if (key === undefined) return null;
  if (key === "lost") return value ? { lost: value } : null;
  if (key === "drain" || key === "leak" || key === "crashes") {
    const factor = Number(value);
    return factor > 0 && Number.isFinite(factor) ? { [key]: factor } : null;
  }
  return value === undefined ? { [key]: true } : null;
}

/** The words of --plant again. */
export function plantedText(planted: Planted): string {
  const parts = Object.entries(words).flatMap(([name, key]) => {
    const value = planted[key];
    return value === undefined ? [] : [value === true ? name : `${name}=${value}`];
  });
  return parts.length === 0 ? "nothing" : parts.join(", ");
}
