import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assignWaves, stablePlace } from "../../../cloud-agent/core/rollout/assign.ts";
import { draftRollout, startRollout } from "../../../cloud-agent/core/rollout/control.ts";
import { nextFor } from "../../../cloud-agent/core/rollout/decide.ts";
import { parsePolicy } from "../../../cloud-agent/core/rollout/policy.ts";
import { stepRollout } from "../../../cloud-agent/core/rollout/step.ts";
import type { DeviceFacts, RolloutRecord } from "../../../cloud-agent/core/rollout/types.ts";
import { type Behaviour, dayMs, Fleet, factsFor, policyJson, releaseOf } from "./fleet.ts";

const seed = 20_260_801;
const boards = ["puckjs", "esp32", "linux"];
const nowMs = 10 * dayMs;

const fleets: fc.Arbitrary<DeviceFacts[]> = fc
  .array(fc.record({ board: fc.constantFrom(...boards), isAwake: fc.boolean() }), {
    minLength: 1,
    maxLength: 80,
  })
  .map((list) =>
    list.map(({ board, isAwake }, index) =>
      factsFor(index, board, { lastSeenMs: isAwake ? nowMs : null }),
    ),
  );

function policyWith(percents: number[], perBoard: number, holdBackShare: number) {
  const waves = [
    { name: "canary", size: { perBoard }, soakMs: 0 },
    ...percents.map((percent) => ({ name: `${percent} %`, size: { percent }, soakMs: 0 })),
    { name: "all", size: { percent: 100 }, soakMs: 0 },
  ];
  return parsePolicy(policyJson({ waves, holdBackShare }));
}

/** Serials that have been reached when wave `wave` is open. */
function reached(assigned: Record<string, number>, wave: number): Set<string> {
  return new Set(Object.keys(assigned).filter((serial) => assigned[serial]! <= wave));
}

describe("waves", () => {
  test("raising a percentage only adds devices to its wave", () => {
    fc.assert(
      fc.property(
        fleets,
        fc.integer({ min: 1, max: 99 }),
        fc.integer({ min: 1, max: 99 }),
        fc.integer({ min: 1, max: 4 }),
        fc.double({ min: 0, max: 0.5, noNaN: true }),
        (devices, one, other, perBoard, share) => {
          const low = policyWith([Math.min(one, other)], perBoard, share);
          const high = policyWith([Math.max(one, other)], perBoard, share);
          const before = reached(assignWaves(low, devices, nowMs).assigned, 1);
          const after = reached(assignWaves(high, devices, nowMs).assigned, 1);
          for (const serial of before) expect(after.has(serial)).toBe(true);
        },
      ),
      { seed, numRuns: 300 },
    );
  });

  test("the canary has the asked number of every board, or all devices of a smaller one", () => {
    fc.assert(
      fc.property(fleets, fc.integer({ min: 1, max: 5 }), (devices, perBoard) => {
        const { assigned } = assignWaves(policyWith([30], perBoard, 0.2), devices, nowMs);
        for (const board of boards) {
          const own = devices.filter((device) => device.board === board);
          const canaries = own.filter((device) => assigned[device.serial] === 0);
          expect(canaries).toHaveLength(Math.min(perBoard, own.length));
        }
      }),
      { seed },
    );
  });

  test("the canary has every board kind, however its size is given", () => {
    const size = fc.oneof(
      fc.record({ count: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ percent: fc.integer({ min: 1, max: 5 }) }),
    );
    fc.assert(
      fc.property(
        fleets,
        size,
        fc.double({ min: 0, max: 0.5, noNaN: true }),
        (devices, canary, share) => {
          const waves = [
            { name: "canary", size: canary, soakMs: 0 },
            { name: "all", size: { percent: 100 }, soakMs: 0 },
          ];
          const policy = parsePolicy(policyJson({ waves, holdBackShare: share }));
          const { assigned } = assignWaves(policy, devices, nowMs);
          const early = devices.filter((device) => assigned[device.serial] === 0);
          const kinds = (list: DeviceFacts[]) => [...new Set(list.map((one) => one.board))].sort();
          expect(kinds(early)).toEqual(kinds(devices));
        },
      ),
      { seed },
    );
  });

  test("a held-back device is in the last wave, everybody is in exactly one, and no share is exceeded", () => {
    fc.assert(
      fc.property(fleets, fc.double({ min: 0, max: 0.5, noNaN: true }), (devices, share) => {
        const policy = policyWith([30, 60], 1, share);
        const { assigned, holdBack } = assignWaves(policy, devices, nowMs);
        expect(Object.keys(assigned).sort()).toEqual(devices.map((one) => one.serial).sort());
        for (const serial of holdBack) expect(assigned[serial]).toBe(3);
        // Rounding per board adds one device per board at most.
        expect(holdBack.length).toBeLessThanOrEqual(share * devices.length + boards.length);
      }),
      { seed },
    );
  });

  test("the order of the devices in the list does not matter", () => {
    fc.assert(
      fc.property(fleets, (devices) => {
        const policy = policyWith([30], 1, 0.2);
        const turned = [...devices].reverse();
        expect(assignWaves(policy, turned, nowMs)).toEqual(assignWaves(policy, devices, nowMs));
      }),
      { seed },
    );
  });

  test("stable places are spread evenly over serials that differ in the last digits", () => {
    const tenths = new Array(10).fill(0);
    for (let index = 0; index < 10_000; index++) {
      tenths[Math.floor(stablePlace(`PK-${String(index).padStart(5, "0")}`) * 10)]++;
    }
    for (const count of tenths) expect(Math.abs(count - 1000)).toBeLessThan(120);
  });
});

const behaviours: fc.Arbitrary<Behaviour> = fc.oneof(
  { weight: 12, arbitrary: fc.constant<Behaviour>("good") },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Behaviour>("crash", "drain", "reject", "stall", "asleep"),
  },
);

const scenarios = fc.record({
  devices: fc.array(fc.record({ board: fc.constantFrom(...boards), behaviour: behaviours }), {
    minLength: 3,
    maxLength: 24,
  }),
  threshold: fc.constantFrom(0, 0.1, 0.4),
  onHalt: fc.constantFrom("keep", "revert"),
  isRestarting: fc.boolean(),
});

describe("steps over random fleets", () => {
  test("never promote over a threshold, never offer poison, never act twice, never widen after a halt", () => {
    fc.assert(
      fc.property(scenarios, ({ devices, threshold, onHalt, isRestarting }) => {
        const each = { reverted: threshold, rejected: threshold, timedOut: threshold };
        const list = devices.map(({ board, behaviour }, index) => ({
          facts: factsFor(index, board),
          behaviour,
        }));
        const fleet = new Fleet(list, policyJson({ thresholds: { ...each, failed: 0 }, onHalt }));
        fleet.isRestarting = isRestarting;
        fleet.start();
        for (let hour = 0; hour < 120 && fleet.record.status === "running"; hour++) {
          const before = fleet.record;
          fleet.run(60 * 60_000);
          checkStep(fleet, before, threshold);
        }
        if (fleet.record.status !== "halted") return;
        const offers = fleet.effectsOf("offer").length;
        fleet.run(dayMs);
        expect(fleet.effectsOf("offer")).toHaveLength(offers);
        expect(fleet.effectsOf("halt")).toHaveLength(1);
        expect(fleet.effectsOf("poison")).toHaveLength(onHalt === "revert" ? 1 : 0);
        for (const device of fleet.devices) {
          const next = nextFor(device.facts, [fleet.record], [fleet.release], fleet.nowMs);
          expect(next.offer).toBeNull();
        }
      }),
      { seed, numRuns: 60 },
    );
  }, 60_000);

  test("a poisoned release is offered by no rollout in any state", () => {
    fc.assert(
      fc.property(
        fleets,
        fc.constantFrom("draft", "running", "paused", "halted", "done", "aborted"),
        (devices, status) => {
          const release = releaseOf();
          const draft = draftRollout("r1", parsePolicy(policyJson()));
          const view = { devices, vitals: {}, release };
          const started = startRollout(draft, view, nowMs).record;
          const record = { ...started, status } as RolloutRecord;
          const poisoned = { ...release, poisonedMs: nowMs, poisonReason: "test" };
          for (const device of devices) {
            expect(nextFor(device, [record], [poisoned], nowMs).offer).toBeNull();
          }
          const step = stepRollout(started, { ...view, release: poisoned }, nowMs + 1);
          expect(step.effects.filter((effect) => effect.kind === "offer")).toEqual([]);
          expect(step.record.status).toBe("halted");
        },
      ),
      { seed },
    );
  });
});

function checkStep(fleet: Fleet, before: RolloutRecord, threshold: number): void {
  const again = stepRollout(fleet.record, fleet.view(), fleet.nowMs);
  expect(again.effects).toEqual([]);
  expect(again.record).toEqual(fleet.record);
  for (const [serial, wave] of Object.entries(before.assigned)) {
    expect(fleet.record.assigned[serial]).toBe(wave);
  }
  if (fleet.record.wave === before.wave) return;
  // Promoted in this hour: count the finished wave by hand.
  const progress = fleet.record.progress!;
  const own = Object.keys(progress).filter((one) => fleet.record.assigned[one] === before.wave);
  for (const cause of ["failed", "reverted", "rejected", "timedOut"]) {
    const failed = own.filter((serial) => progress[serial]!.cause === cause);
    const allowed = cause === "failed" ? 0 : threshold * own.length;
    expect(failed.length).toBeLessThanOrEqual(allowed + 1e-9);
  }
}
