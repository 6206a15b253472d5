import { Rec } from "../../flash/journal.ts";
import type { Bytes } from "../../hal/hal.ts";
import { Code } from "../../protocol/errors.ts";
import { failTextCharsMax, poisonBytesMax } from "../../protocol/limits.ts";
import { SlotState } from "../../protocol/messages.ts";
import { type KeySetRecord, keySetInForce, keySetOf } from "../keySet.ts";
import type { Kit } from "../kit.ts";
import { leaveSlot, readSlots } from "../slots.ts";

/** Changes of what runs. Each is one record, or a note before it. */
export interface State {
  /** Notes why the active image was left. */
  note(code: Code, text: string): void;
  /** Confirms the trial: slot, floor and key set in one record. */
  confirm(): void;
  /** Forgets counted failures after a time of calm. */
  calm(): void;
  /** Notes why, and makes the other slot active without a trial, if it may run. Does not restart.
   *  @param isLost what is left is no image any more */
  leave(code: Code, text: string, isLost?: boolean): void;
  /** The key set by which releases are judged. */
  keySet(): KeySetRecord;
}

export default (k: Kit): State => {
  const me: State = {
    note(code, text) {
      const s = k.slot(readSlots(k));
      if (!s) return;
      const id = k.cut(s[3], 0, 8);
      const poison: Bytes | "" = (k.get(Rec.Failed) || [])[7] || "";
      k.put(Rec.Failed, [
        s[0],
        id,
        code,
        k.boot[0],
        text.slice(0, failTextCharsMax),
        k.resetReason,
        k.log,
        // A slot whose bits went is no fault of the image's: the same one mends it.
        code === Code.SlotCrc
          ? poison
          : k.h.cat([id, poison.length < poisonBytesMax ? poison : k.cut(poison as Bytes, 0, 24)]),
      ]);
    },
    confirm() {
      const next = readSlots(k);
      const s = k.slot(next)!;
      // A downgrade ticket takes the floor back to what it says; nothing else lowers it.
      next[3] = s[6] || s[4] > next[3] ? s[4] : next[3];
      next[5] = next[6] = 0;
      // A key set that waits for this release holds from the very record that confirms it.
      const set = keySetOf(k, next[4] + 1);
      if (set && set[4]! <= s[0]) next[4]++;
      k.put(Rec.Slots, next);
      k.state = SlotState.Confirmed;
      me.calm();
    },
    calm() {
      if (!k.boot[1] && !k.boot[2]) return;
      k.boot = [k.boot[0], 0, 0, 0, ""];
      k.put(Rec.Boot, k.boot);
    },
    leave(code, text, isLost) {
      me.note(code, text);
      const slots = readSlots(k);
      const next = leaveSlot(slots);
      if (isLost) next[slots[0] + 1] = null;
      k.put(Rec.Slots, next);
    },
    keySet: () => keySetInForce(k),
  };
  return me;
};
