import type { Random } from "../random.ts";

/** How an operation looks when the power goes while it runs.
 *  - before: it never began
 *  - half: the first half of its units (or of the page) is done
 *  - bits: a random number of units is done, and some random bits of the next
 *  - weak: as bits, but bits on the edge read differently from one read to the next until they are rewritten
 *  - afterUnits: exactly so many units are done */
export type CutModel = "before" | "half" | "bits" | "weak" | { afterUnits: number };

/** The four tear models that power-cut tests go through. */
export const cutModels: readonly CutModel[] = ["before", "half", "bits", "weak"];

/** Thrown by the flash at a cut, and by every later call until power returns. Not an error of the device's world:
 *  device code that catches it finds every other call throwing it again. */
export class PowerCut extends Error {
  readonly code = "POWER_CUT";
  constructor() {
    super("power cut");
  }
}

/** What a cut leaves of one byte: the value that is certain, and the bits that read either way. */
export interface TornByte {
  value: number;
  unstable: number;
}

/** Tears the programming of one byte: of the bits to be cleared some are, some are not, some cannot tell. Pure but for random. */
export function tornWrite(before: number, wanted: number, weak: boolean, random: Random): TornByte {
  return tear(before & ~wanted & 255, weak, random, (bits) => before & ~bits);
}

/** Tears the erasing of one byte in the same way: bits to be set. */
export function tornErase(before: number, weak: boolean, random: Random): TornByte {
  return tear(~before & 255, weak, random, (bits) => before | bits);
}

function tear(
  changing: number,
  weak: boolean,
  random: Random,
  apply: (bits: number) => number,
): TornByte {
  let done = 0;
  let unstable = 0;
  for (let bit = 1; bit < 256; bit <<= 1) {
    if (!(changing & bit)) continue;
    const draw = random();
    // A weak page is mostly done: it looks right at first sight, which is what makes it dangerous.
    if (weak ? draw < 0.75 : draw < 0.5) done |= bit;
    else if (weak && draw < 0.875) unstable |= bit;
  }
  return { value: apply(done), unstable };
}

/** How many of `units` a cut leaves whole, and whether the next one is torn bit by bit. Pure but for random. */
export function cutPoint(
  model: CutModel,
  units: number,
  random: Random,
): { whole: number; torn: boolean; weak: boolean } {
  if (model === "before") return { whole: 0, torn: false, weak: false };
  if (model === "half") return { whole: units >> 1, torn: false, weak: false };
  if (typeof model === "object") {
    return { whole: Math.min(model.afterUnits, units), torn: false, weak: false };
  }
  return { whole: Math.floor(random() * units), torn: true, weak: model === "weak" };
}
