import { describe, expect, it } from "vitest";
import { standingOf } from "../../../cloud-agent/core/rollout/standing.ts";
import type { DeviceFacts, DeviceProgress } from "../../../cloud-agent/core/rollout/types.ts";
import { Code } from "../../../firmware/protocol/errors.ts";
import { SlotState } from "../../../firmware/protocol/messages.ts";
import { rolloutRecord } from "../fixtures.ts";
import { factsFor, newSequence, oldSequence, releaseOf } from "./fleet.ts";

const nowMs = 1_800_000_000_000;
const entry: DeviceProgress = {
  ...{ offeredMs: nowMs - 1000, deliveredMs: nowMs - 500, confirmedMs: null, cause: null },
  ...{ acknowledged: null, revertOrderedMs: null },
};
const standing = (changes: Partial<DeviceFacts>) => {
  const facts = factsFor(1, "puckjs");
  const inCore = { slotState: SlotState.Recovery, lastSeenMs: nowMs, ...changes };
  const { policy } = rolloutRecord("r");
  return standingOf(policy, releaseOf(), { ...facts, ...inCore }, entry, nowMs);
};

describe("a device in recovery that was offered the release", () => {
  it("is waited for while its old image is whole: some boards update in their core", () => {
    expect(standing({ runningSequence: oldSequence })).toBe("pending");
  });
  it("is waited for while it downloads this release into its only slot", () => {
    const download = { sequence: newSequence, bytesDone: 0, sizeBytes: 5000 };
    expect(standing({ runningSequence: 0, download })).toBe("pending");
  });
  it("has failed when nothing is left to run, or when this release is what does not run", () => {
    expect(standing({ runningSequence: 0, download: null })).toBe("failed");
    const other = { sequence: newSequence + 1, bytesDone: 0, sizeBytes: 5000 };
    expect(standing({ runningSequence: 0, download: other })).toBe("failed");
    expect(standing({ runningSequence: newSequence })).toBe("failed");
  });
  it("times out like any other when it stays there", () => {
    const facts = factsFor(1, "puckjs");
    const { policy } = rolloutRecord("r");
    const late = nowMs + policy.deviceTimeoutMs + 1000;
    const stuck = { ...facts, slotState: SlotState.Recovery, lastSeenMs: late };
    expect(standingOf(policy, releaseOf(), stuck, entry, late)).toBe("timedOut");
  });
});

describe("a device that has the release on trial until a person in the field confirms it", () => {
  const facts = factsFor(1, "puckjs");
  const { policy } = rolloutRecord("r");
  const stands = (changes: Partial<DeviceFacts>, at = nowMs) =>
    standingOf(
      policy,
      releaseOf(),
      {
        ...{ ...facts, runningSequence: newSequence, slotState: SlotState.Trial, lastSeenMs: at },
        ...{ fieldMinutesLeft: 30, ...changes },
      },
      entry,
      at,
    );
  const late = nowMs + policy.deviceTimeoutMs + 1000;

  it("is waiting for field, also while the order to confirm it is on its way", () => {
    expect(stands({})).toBe("waitingForField");
    expect(stands({ orderPending: "confirm" })).toBe("waitingForField");
  });
  it("does not time out by the rollout's clock: its trial's own minutes bound it", () => {
    expect(stands({}, late)).toBe("waitingForField");
    expect(stands({ fieldMinutesLeft: null }, late)).toBe("timedOut");
  });
  it("is silent when it stops to say so", () => {
    const lastSeenMs = nowMs - policy.silentMs - 1000;
    expect(stands({ lastSeenMs })).not.toBe("waitingForField");
  });
});

describe("a device that still remembers the image as one that failed", () => {
  it("has failed before, whichever failed last", () => {
    const poison = ["00".repeat(8), releaseOf().images[0]!.digest.slice(0, 16)];
    const { policy } = rolloutRecord("r");
    const device = { ...factsFor(1, "puckjs"), lastFailed: null };
    expect(standingOf(policy, releaseOf(), { ...device, poison }, undefined, nowMs)).toBe(
      "failedBefore",
    );
    expect(standingOf(policy, releaseOf(), device, undefined, nowMs)).not.toBe("failedBefore");
  });
});

describe("a device that names a code of the attack table for the release", () => {
  const refusing = (code: Code) =>
    standing({
      ...{ slotState: SlotState.Confirmed, runningSequence: oldSequence },
      refused: { sequence: newSequence, code },
    });
  it.each([Code.RequestsDropped, Code.RetrievalSlow])("by code %i is deferred", (code) => {
    expect(refusing(code)).toBe("deferred");
  });
  it.each([
    ...[Code.ManifestTooLarge, Code.ManifestSignature, Code.WrongClass, Code.SequenceBelowFloor],
    ...[Code.ImageDigest, Code.ThresholdMissed, Code.SequenceTooFar, Code.DependencyUnknown],
    Code.BundlePartial,
  ])("by code %i has rejected it", (code) => {
    expect(refusing(code)).toBe("rejected");
  });
});
