import { identityIsValid } from "../flash/identity.ts";
import { Rec } from "../flash/journal.ts";
import { h } from "../hal/current.ts";
import { Code } from "../protocol/errors.ts";
import { trialFailsMax } from "../protocol/limits.ts";
import { ResetReason, SlotState } from "../protocol/messages.ts";
import type { Kit } from "./kit.ts";
import type { State } from "./parts/state.ts";
import { Part } from "./parts.ts";
import { type BootRecord, countBoot, readSlots } from "./slots.ts";

declare const global: any;

/** Counts the start, ends a trial that is over, and sets `k.image` to what is to run; "" = recovery.
 *  Source: SPEC.md §8 */
export function decideBoot(k: Kit): void {
  const before: BootRecord = k.get(Rec.Boot) || k.boot;
  const reason = (BOARD.resetReason || 0) as number;
  const held = BOARD.button;
  const count = countBoot(before, readSlots(k)[5], reason === ResetReason.Watchdog);
  k.boot = count.boot;
  // What was noted before the restart says more than the chip, to which each of these is one by software.
  k.resetReason = !before[3]
    ? reason
    : before[3] === Code.UpdateInstalled || (BOARD.cable && before[3] === Code.UpdateInCore)
      ? ResetReason.Update
      : before[2]
        ? ResetReason.Crash
        : ResetReason.Software;
  k.log = before[5] || "";
  if (before[3]) k.ended = before;
  if (BOARD.probe && BOARD.cable) global.PROBE = +before[4];
  if (count.end) (k.part(Part.State) as State).leave(count.end, before[4]);
  k.log = "";
  // Persisted before the random source is used: no number of an earlier start comes again.
  k.put(Rec.Boot, k.boot);
  if (!identityIsValid() || k.get(Rec.Wipe) || held || k.boot[2] >= trialFailsMax) return;
  // For this start only: whatever becomes of the update, the next one runs what there is to run.
  if (BOARD.cable && before[3] === Code.UpdateInCore) return;
  // Twice at most: the active slot, then the other one if it may run.
  for (let tries = 0; tries < 2; tries++) {
    const slots = readSlots(k);
    const s = k.slot(slots);
    if (!s) return;
    const text = h.text(slots[0] ? BOARD.slotB : BOARD.slotA, s[1]);
    if (h.crc(text) >>> 0 === s[2]) {
      k.state = slots[5] ? SlotState.Trial : SlotState.Confirmed;
      k.image = text;
      return;
    }
    const state: State = k.part(Part.State);
    // Nothing could bring a fixed one back, so it is looked at again at the next start.
    if (BOARD.fixed) {
      state.note(Code.SlotCrc, "");
      return;
    }
    state.leave(Code.SlotCrc, "", true);
  }
}
