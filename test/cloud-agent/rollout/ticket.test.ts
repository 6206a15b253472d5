import { describe, expect, it } from "vitest";
import type { ReleaseRecord } from "../../../cloud-agent/core/records.ts";
import { nextIn } from "../../../cloud-agent/core/rollout/decide.ts";
import type { DeviceFacts, RolloutRecord } from "../../../cloud-agent/core/rollout/types.ts";
import { Code } from "../../../firmware/protocol/errors.ts";
import { rolloutRecord } from "../fixtures.ts";
import { factsFor, releaseOf, newSequence as sequence } from "./fleet.ts";

const nowMs = 1_800_000_000_000;
const ticket = { floor: 9, person: "Ann", reason: "9 drains.", publishedBy: "rel", atMs: nowMs };
const withTicket = (keySetFrom?: number): ReleaseRecord => {
  const plain = releaseOf();
  const images = plain.images.map((image) => {
    return { ...image, ticket: { envelopeBytes: 9, signedBy: [], keySetFrom } };
  });
  return { ...plain, ticket, images };
};
const entry = {
  ...{ offeredMs: nowMs - 1000, deliveredMs: nowMs - 500, confirmedMs: null, cause: null },
  ...{ acknowledged: null, revertOrderedMs: null },
};

/** What a device that runs 9 would get. */
function next(
  facts: Partial<DeviceFacts>,
  given: { release?: ReleaseRecord; rollout?: Partial<RolloutRecord> } = {},
) {
  const device = {
    ...factsFor(1, "puckjs"),
    runningSequence: 9,
    floor: 9,
    lastSeenMs: nowMs,
    ...facts,
  };
  const base = rolloutRecord("r");
  const rollout: RolloutRecord = {
    ...base,
    policy: { ...base.policy, sequence },
    status: "running",
    assigned: { [device.serial]: 0 },
    progress: { [device.serial]: entry },
    ...given.rollout,
  };
  return nextIn(rollout, given.release ?? withTicket(), device, nowMs);
}

describe("a downgrade ticket", () => {
  it("takes a device whose floor is the ticket's back, and the offer says by whose decision and why", () => {
    expect(next({})).toMatchObject({ offer: sequence, code: "offered" });
    expect(next({}).reason).toContain("with the downgrade ticket for floor 9 (Ann: 9 drains.)");
  });
  it("takes it back from a newer release that never raised its floor", () => {
    const low = { ...withTicket(), ticket: { ...ticket, floor: 5 } };
    expect(next({ floor: 5 }, { release: low })).toMatchObject({ offer: sequence });
  });
  it.each([
    [
      10,
      "belowFloor",
      "release 7 is below its floor 10; its downgrade ticket is for floor 9, the device's floor is 10",
    ],
    [
      8,
      "belowFloor",
      "release 7 is below its floor 8; its downgrade ticket is for floor 9, the device's floor is 8",
    ],
    [
      5,
      "newer",
      "it runs release 9, which is newer than 7; its downgrade ticket is for floor 9, the device's floor is 5",
    ],
  ])("is not for a device of floor %i, which is told so", (floor, code, reason) => {
    // What runs is newer in all three; the floor is looked at where it is not.
    const runningSequence = code === "newer" ? 9 : 6;
    expect(next({ floor, runningSequence })).toEqual({ offer: null, code, reason, rolloutId: "r" });
  });
  it("leaves a device alone that could take the release without it", () => {
    const low = { ...withTicket(), ticket: { ...ticket, floor: 5 } };
    const { offer, reason } = next({ floor: 5, runningSequence: 6 }, { release: low });
    expect([offer, reason.includes("ticket")]).toEqual([sequence, false]);
  });
  it("is not offered again to a device that had gone back and was brought forward since", () => {
    const progress = { [factsFor(1, "puckjs").serial]: { ...entry, confirmedMs: nowMs - 100 } };
    expect(next({}, { rollout: { progress } })).toMatchObject({ offer: null, code: "newer" });
  });
  it("ends with its rollout: nobody goes back later without being watched", () => {
    expect(next({}, { rollout: { status: "done" } })).toMatchObject({
      offer: null,
      code: "ticketOver",
    });
  });
  it.each([Code.SequenceBelowFloor, Code.SequenceNotNewer, Code.TicketFloor])(
    "is offered though the device refused another envelope of the release before, by code %i",
    (code) => {
      const { offer, code: what } = next({ refused: { sequence, code } });
      expect([offer, what]).toEqual([sequence, "offered"]);
    },
  );
  it("that the device refused itself is not offered again", () => {
    const refused = { sequence, code: Code.ManifestKeyUnknown };
    expect(next({ refused })).toMatchObject({ offer: null, code: "rejected" });
  });
  it("waits for the key set that it is signed for, not for that of the plain envelope", () => {
    const late = next({ keySetVersion: 1 }, { release: withTicket(2) });
    expect(late).toMatchObject({ offer: null, code: "waitsForKeySet" });
    expect(next({ keySetVersion: 2 }, { release: withTicket(2) }).offer).toBe(sequence);
  });
  it("does not make a release go to devices that have no image of it", () => {
    expect(next({ classId: "class-other" })).toMatchObject({ offer: null, code: "noImage" });
  });
});
