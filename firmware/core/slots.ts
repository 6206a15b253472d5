import { Rec } from "../flash/journal.ts";
import type { Bytes } from "../hal/hal.ts";
import { Code } from "../protocol/errors.ts";
import { trialBootsMax, trialFailsMax } from "../protocol/limits.ts";
import type { Limits } from "./parts/suit.ts";

/** [sequence, size in bytes, CRC-32, digest(32), manifest floor, trial minutes, by downgrade ticket (0/1), vitals limits] */
export type SlotRecord = [number, number, number, Bytes, number, number, number, Limits | null];
/** [active (0 A, 1 B, 2 none), A, B, floor, key set version, trial (0/1), minutes left] */
export type SlotsRecord = [
  number,
  SlotRecord | null,
  SlotRecord | null,
  number,
  number,
  number,
  number,
];
/** [boot count, boots of this trial, failures in a row, code of the last end (0 clean), its text, last log lines] */
export type BootRecord = [number, number, number, number, string, string?];

/** The slots record as it stands; `.boot0` gives noSlots when there is none. */
export const readSlots = (k: { get(type: Rec): any }): SlotsRecord => k.get(Rec.Slots);
/** Nothing runs and nothing is known. */
export const noSlots = (): SlotsRecord => [2, null, null, 0, 0, 0, 0];

/** The active slot's record or the other one's; null when it holds nothing or nothing is active. */
export const slotIn = (slots: SlotsRecord, isOther?: unknown) =>
  slots[0] < 2 ? (slots[isOther ? 2 - slots[0] : slots[0] + 1] as SlotRecord | null) : null;

/** Makes the other slot active without a trial when it may run, else none. The left slot stays on record only when
 *  `keep`, because what failed must not be booted by accident. Pure. */
export function leaveSlot(slots: SlotsRecord): SlotsRecord {
  const other = slotIn(slots, 1);
  const next = slots.slice() as SlotsRecord;
  next[0] = other && other[0] >= slots[3] ? 1 - slots[0] : 2;
  next[5] = next[6] = 0;
  return next;
}

/** Counts this start and says whether the trial has ended. Pure.
 *  @param failed true when the reset itself shows a failure (watchdog) that nobody has counted yet
 *  @returns the boot record to write, and the code that ends the trial (0 = go on)
 *  Source: SPEC.md §8 "Boot decision" */
export function countBoot(
  boot: BootRecord,
  trial: number,
  failed: boolean,
): { boot: BootRecord; end: number } {
  const fails = boot[2] + (failed && !boot[3] ? 1 : 0);
  const boots = trial ? boot[1] + 1 : 0;
  const end = !trial
    ? 0
    : fails >= trialFailsMax
      ? boot[3] || Code.TrialCrashed
      : boots > trialBootsMax
        ? Code.TrialBoots
        : 0;
  return { boot: [boot[0] + 1, end ? 0 : boots, end ? 0 : fails, 0, ""], end };
}
