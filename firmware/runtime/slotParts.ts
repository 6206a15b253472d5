import type { Kit } from "../core/kit.ts";

// Said here, because an app's own project sees this file and not the device's globals.
declare const BOARD: { slotParts: number[] };

/** Parts of the framework that lie in the slot behind the image's expression: texts that are evaluated in place when they
 *  are needed and gone when their result is dropped, like the core's. File: runtime/parts/NAME.ts, whose default export
 *  takes the kit. Source: SPEC.md §2.3 */
export const enum SlotPart {
  Vitals = 0,
  Trial = 1,
  Settings = 2,
  Keys = 3,
  Unpack = 4,
}

/** Parts that serve updates: a board whose image is fixed has none of them. */
export const updateSlotParts: SlotPart[] = [SlotPart.Trial, SlotPart.Unpack];

/** Evaluates a part of the running slot and returns what it makes. Keep nothing of it that is not needed. */
export function slotPart(k: Kit, part: SlotPart): any {
  const table = BOARD.slotParts;
  return (k.h.run(k.image.slice(-table[part]!, -table[part + 1]!)) as any)(k);
}
