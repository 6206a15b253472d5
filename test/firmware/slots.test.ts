import { describe, expect, it } from "vitest";
import {
  type BootRecord,
  countBoot,
  leaveSlot,
  type SlotRecord,
  type SlotsRecord,
  slotIn,
} from "../../firmware/core/slots.ts";
import { Code } from "../../firmware/protocol/errors.ts";

const slot = (sequence: number): SlotRecord =>
  [...[sequence, 10, 1, new Uint8Array(32), sequence, 60, 0, null]] as SlotRecord;
const trial: SlotsRecord = [1, slot(4), slot(5), 4, 1, 1, 60];

/** Starts in a row without a confirm; each ends as `ends` says. */
function starts(ends: { failed?: boolean; code?: Code }[], isTrial = 1) {
  let boot: BootRecord = [0, 0, 0, 0, ""];
  let end = 0;
  let count = 0;
  for (const one of ends) {
    const r = countBoot(boot, isTrial, one.failed ?? false);
    count++;
    boot = r.boot;
    end = r.end;
    if (end) break;
    if (one.code) boot = [boot[0], boot[1], boot[2] + 1, one.code, "why"];
  }
  return { boot, end, count };
}

describe("boot decision", () => {
  it("ends a trial at the start after its third crash, with the crash's code", () => {
    const crash = { code: Code.TrialCrashed };
    expect(starts([crash, crash, crash, {}])).toMatchObject({ end: Code.TrialCrashed, count: 4 });
    expect(starts([crash, crash, {}])).toMatchObject({ end: 0 });
  });

  it("counts a watchdog reset as a failure once, and not on top of a crash that was counted", () => {
    const dog = { failed: true };
    expect(starts([{}, dog, dog, dog])).toMatchObject({ end: Code.TrialCrashed, count: 4 });
    const both = { code: Code.TrialCrashed, failed: true };
    expect(starts([{ code: Code.TrialCrashed }, both, {}])).toMatchObject({ end: 0 });
  });

  it("ends a trial after ten starts without confirm, whatever the reason: innocent power cycles before that do not", () => {
    expect(starts(Array(10).fill({}))).toMatchObject({ end: 0 });
    expect(starts(Array(11).fill({}))).toMatchObject({ end: Code.TrialBoots, count: 11 });
  });

  it("never ends a confirmed image by counting its starts", () => {
    expect(starts(Array(500).fill({}), 0)).toMatchObject({ end: 0, boot: [500, 0, 0, 0, ""] });
  });

  it("leaves to the other slot without a trial when its sequence is not below the floor", () => {
    expect(leaveSlot(trial)).toEqual([0, trial[1], trial[2], 4, 1, 0, 0]);
  });

  it("leaves to nothing when the other slot is below the floor or empty: that is recovery", () => {
    expect(leaveSlot([1, slot(3), slot(5), 4, 1, 1, 60])[0]).toBe(2);
    expect(leaveSlot([1, null, slot(5), 4, 1, 1, 60])[0]).toBe(2);
  });

  it("tells the active slot from the other one, and none of both when nothing is active", () => {
    const [a, b] = [slot(3), slot(5)];
    expect([slotIn([0, a, b, 0, 1, 0, 0]), slotIn([0, a, b, 0, 1, 0, 0], 1)]).toEqual([a, b]);
    expect([slotIn([1, a, b, 0, 1, 0, 0]), slotIn([1, a, b, 0, 1, 0, 0], 1)]).toEqual([b, a]);
    expect([slotIn([2, a, b, 7, 1, 0, 0]), slotIn([2, a, b, 7, 1, 0, 0], 1)]).toEqual([null, null]);
  });
});
