import { beforeEach, describe, expect, test } from "vitest";
import type { DeviceRecord } from "../../../cloud-agent/core/records.ts";
import { pauseRollout } from "../../../cloud-agent/core/rollout/control.ts";
import { type NextCode, nextFor } from "../../../cloud-agent/core/rollout/decide.ts";
import type { DeviceFacts } from "../../../cloud-agent/core/rollout/types.ts";
import { whyNotUpdated } from "../../../cloud-agent/core/why/why.ts";
import { Code } from "../../../firmware/protocol/errors.ts";
import { Lifecycle } from "../../../firmware/protocol/messages.ts";
import { dayMs, Fleet, fiftyOne, hourMs } from "./fleet.ts";

let fleet: Fleet;
let canary: DeviceFacts;
const next = (device: DeviceFacts) => nextFor(device, [fleet.record], [fleet.release], fleet.nowMs);

beforeEach(() => {
  fleet = new Fleet(fiftyOne());
  fleet.start();
  canary = fleet.find([...fleet.offeredTo].find((serial) => serial.startsWith("PU"))!).facts;
});

describe("what a device gets next", () => {
  const failed = {
    sequence: 7,
    digest: "77".repeat(8),
    code: Code.TrialCrashed,
    text: "TypeError",
  };
  test.each<[NextCode, Partial<DeviceFacts>, RegExp]>([
    ["offered", {}, /^release 7 is offered by rollout "Release 7"$/],
    ["belowFloor", { floor: 8 }, /release 7 is below its floor 8/],
    ["newer", { runningSequence: 9 }, /runs release 9, which is newer than 7/],
    ["noImage", { classId: "class-x" }, /has no image for board puckjs \(class class-x\)/],
    [
      "noImage",
      { board: "pico" },
      /^board pico is never updated: it is written again at the cable$/,
    ],
    ["away", { maintenance: true }, /in maintenance/],
    ["away", { orderPending: "wipe" }, /not answered a wipe order/],
    ["failedBefore", { lastFailed: failed }, /failed on it before: crashed at boot, "TypeError"/],
    ["deferred", { refused: { sequence: 7, code: Code.BatteryTooLow } }, /battery too low for now/],
    ["deferred", { refused: { sequence: 7, code: Code.RequestsDropped } }, /get no answer/],
    ["deferred", { refused: { sequence: 7, code: Code.RetrievalSlow } }, /blocks come too slowly/],
    [
      "offered",
      { runningSequence: 7, runningDigest: "77".repeat(8), slotState: 1, fieldMinutesLeft: 12 },
      /it is on trial, waiting for field: a person has to confirm it within 12 minutes/,
    ],
    [
      "failedBefore",
      { poison: ["77".repeat(8)] },
      /the image of release 7 is among the last that failed on it/,
    ],
    [
      "alreadyRunning",
      { runningSequence: 7, runningDigest: "77".repeat(8) },
      /runs release 7 already/,
    ],
    ["noRollout", { lifecycle: Lifecycle.Retired }, /no rollout targets it/],
  ])("is %s", (code, changes, reason) => {
    const answer = next({ ...canary, ...changes });
    expect(answer.code).toBe(code);
    expect(answer.reason).toMatch(reason);
    expect(answer.offer).toBe(code === "offered" || code === "deferred" ? 7 : null);
  });

  test("waits for the key set that the release is signed for", () => {
    fleet.release.images.forEach((image) => {
      image.keySetFrom = 2;
    });
    expect(next({ ...canary, keySetVersion: 1 })).toMatchObject({
      offer: null,
      code: "waitsForKeySet",
      reason: "it waits for key set 2: release 7 is signed for it, the device has 1",
    });
    expect(next({ ...canary, keySetVersion: 2 }).offer).toBe(7);
  });

  test("says which wave it waits for, and whether it is held back", () => {
    const held = fleet.find(fleet.record.holdBack[0]!).facts;
    expect(next(held)).toMatchObject({ offer: null, code: "holdBack" });
    const later = fleet.devices.find(({ facts }) => fleet.record.assigned[facts.serial] === 1)!;
    expect(next(later.facts)).toMatchObject({
      offer: null,
      code: "waveNotReached",
      reason: "it is in wave 2 (early); wave 1 (canary) is open",
    });
  });

  test("is nothing while the rollout is paused", () => {
    fleet.apply(pauseRollout(fleet.record, fleet.view(), fleet.nowMs, "ada"));
    expect(next(canary)).toMatchObject({ offer: null, code: "paused" });
  });
});

describe("why a device did not update", () => {
  const why = (facts: DeviceFacts | null, serial = canary.serial) =>
    whyNotUpdated(
      serial,
      7,
      fleet.events,
      facts === null ? null : recordOf(facts),
      [fleet.record],
      fleet.release,
      fleet.nowMs,
    );

  test("tells a crash, with the events that led to it", () => {
    fleet.find(canary.serial).behaviour = "crash";
    fleet.run(dayMs);
    const { answer, facts } = why(fleet.find(canary.serial).facts);
    expect(answer).toMatch(
      /does not run release 7 because release 7 is poisoned since .*crashed at boot/,
    );
    expect(facts.map((fact) => fact.text)).toContain(
      `puckjs ${canary.serial} did not take release 7: crashed at boot.`,
    );
  });

  test("tells a sleeper by its promise", () => {
    fleet.find(canary.serial).behaviour = "asleep";
    fleet.run(30 * 60_000);
    expect(why({ ...canary, nextCheckInS: 7200 }).answer).toMatch(/it sleeps until about/);
    fleet.run(6 * hourMs);
    expect(why(canary).answer).toMatch(/it promised to come by .* and did not\.$/);
  });

  test("tells an update that did happen, a strange device and a release nobody brings out", () => {
    fleet.run(4 * hourMs);
    expect(why(fleet.find(canary.serial).facts).answer).toMatch(
      /did update: it runs release 7 since/,
    );
    expect(why(null, "XX-1").answer).toBe("No device XX-1 is known to this agent.");
    fleet.record = { ...fleet.record, policy: { ...fleet.record.policy, target: { tags: ["x"] } } };
    expect(why(canary).answer).toMatch(/it is outside the target of "Release 7"/);
  });
});

function recordOf(facts: DeviceFacts): DeviceRecord {
  const { model, board, classId } = facts;
  return { ...facts, birth: { model, board, classId }, order: null } as unknown as DeviceRecord;
}
