import type { Kit } from "../core/kit.ts";

// Said here, because an app's own project sees this file and not the device's globals.
declare const BOARD: { slotParts: number[]; slotIsSmall: boolean };
declare const require: (name: string) => any;

/** Parts of the framework that lie in the slot behind the image's expression: texts that are evaluated when they are needed
 *  and gone when their result is dropped, like the core's. File: runtime/parts/NAME.ts, whose default export takes the
 *  kit. Source: SPEC.md §2.3, core/ADR-0004 */
export const enum SlotPart {
  Vitals = 0,
  Unpack = 1,
  Trial = 2,
  Settings = 3,
  Keys = 4,
  Orders = 5,
  Command = 6,
}

/** Small slots hold packed what comes after it: nothing that runs at a check-in or inside an update. */
export const lastWarmSlotPart = SlotPart.Unpack;

/** Parts that serve updates: a board whose image is fixed has none of them. */
export const updateSlotParts: SlotPart[] = [SlotPart.Trial, SlotPart.Unpack];

/** Stands last, and only in the image of an app that declares commands, where it counts with the app. */
export const appSlotPart = SlotPart.Command;

/** Evaluates a part of the running slot and returns what it makes. Keep nothing of it that is not needed. */
export function slotPart(k: Kit, part: SlotPart): any {
  const table = BOARD.slotParts;
  const text = k.image.slice(-table[part]!, -table[part + 1]!);
  return (
    k.h.run(
      BOARD.slotIsSmall && part > SlotPart.Unpack
        ? k.h.str(require("heatshrink").decompress(text))
        : text,
    ) as any
  )(k);
}
