import { describe, expect, test } from "vitest";
import {
  abortRollout,
  pauseRollout,
  promoteByHand,
  resumeRollout,
} from "../../../cloud-agent/core/rollout/control.ts";
import { stepRollout } from "../../../cloud-agent/core/rollout/step.ts";
import { dayMs, Fleet, fiftyOne, hourMs, newSequence, policyJson } from "./fleet.ts";

const isOver = (fleet: Fleet) => () => fleet.record.status !== "running";

describe("operators", () => {
  test("a paused rollout offers nothing and resuming acknowledges the failures seen", () => {
    const fleet = new Fleet(
      fiftyOne((board) => (board === "puckjs" ? "crash" : "good")),
      {
        ...policyJson({ onHalt: "keep" }),
        holdBackShare: 0,
      },
    );
    fleet.start();
    fleet.run(10 * dayMs, isOver(fleet));
    expect(fleet.record.status).toBe("halted");
    const failed = [...fleet.offeredTo].find((serial) => serial.startsWith("PU"))!;
    fleet.apply(resumeRollout(fleet.record, fleet.view(), fleet.nowMs, "ada"));
    expect(fleet.record).toMatchObject({ status: "running", acknowledged: [failed] });
    fleet.step();
    expect(fleet.record.status).toBe("running");

    fleet.apply(pauseRollout(fleet.record, fleet.view(), fleet.nowMs, "ada"));
    const before = fleet.effectsOf("offer").length;
    fleet.run(5 * dayMs);
    expect(fleet.record).toMatchObject({ status: "paused", wave: 0 });
    expect(fleet.effectsOf("offer")).toHaveLength(before);
    fleet.apply(resumeRollout(fleet.record, fleet.view(), fleet.nowMs, "ada"));
    fleet.run(10 * dayMs, isOver(fleet));
    // Another Puck fails in wave 2: that one was never acknowledged.
    expect(fleet.record).toMatchObject({ status: "halted", wave: 1 });
    expect(fleet.record.haltReason).not.toContain(failed);
  });

  test("vitals that halted do not halt again after a person resumed, and the verdict still shows them", () => {
    const fleet = new Fleet(
      fiftyOne(() => "drain"),
      policyJson({ onHalt: "keep" }),
    );
    for (const device of fleet.devices) device.facts.lastSeenMs = fleet.nowMs;
    fleet.start();
    fleet.run(10 * dayMs, isOver(fleet));
    expect(fleet.record).toMatchObject({ status: "halted", wave: 0 });
    expect(fleet.record.haltedFor).toContain("battery:all");
    fleet.apply(resumeRollout(fleet.record, fleet.view(), fleet.nowMs, "ada"));
    expect(fleet.record.acknowledgedVitals).toContain("battery:all");
    fleet.run(3 * dayMs, () => fleet.record.wave > 0 || fleet.record.status !== "running");
    expect(fleet.record).toMatchObject({ status: "running", wave: 1 });
    const promoted = fleet.record.verdicts.at(-1)!;
    expect(promoted.result).toBe("promote");
    const battery = promoted.figures!.comparisons.filter((one) => one.metric === "battery");
    expect(battery.map((one) => one.result)).not.toContain("worse");
    expect(battery.map((one) => one.result)).toContain("acknowledged");
  });

  test("an aborted rollout withdraws its offers and reverts only when told to", () => {
    for (const [how, count] of [
      ["keep", 0],
      ["revert", 3],
    ] as const) {
      const fleet = new Fleet(fiftyOne());
      fleet.start();
      fleet.run(12 * hourMs);
      fleet.apply(abortRollout(fleet.record, fleet.view(), fleet.nowMs, "ada", how));
      expect(fleet.record.status).toBe("aborted");
      expect(fleet.effectsOf("orderRevert")).toHaveLength(count);
      fleet.run(dayMs);
      expect(fleet.running(newSequence)).toBe(3 - count);
      expect(() => resumeRollout(fleet.record, fleet.view(), fleet.nowMs, "ada")).toThrow(
        /aborted/,
      );
    }
  });

  test("a wave with too few battery samples holds, and a person may open the next one by name", () => {
    const fleet = new Fleet(fiftyOne(), policyJson({ thresholds: { slopeSamplesMin: 500 } }));
    fleet.start();
    fleet.run(5 * dayMs);
    expect(fleet.record).toMatchObject({ status: "running", wave: 0 });
    const few = "too few samples to compare the battery of puckjs, esp32";
    const reasons = fleet.record.verdicts.map((verdict) => [verdict.result, verdict.reason]);
    expect(reasons).toEqual([
      ["hold", expect.stringMatching(`^${few}; waits until 1970-01-1\\dT[\\d:]+Z;`)],
      ["hold", expect.stringMatching(`^${few}; a person has to decide;`)],
    ]);
    expect(fleet.events.filter((event) => event.kind === "waveHeld")).toHaveLength(2);
    fleet.apply(
      promoteByHand(fleet.record, fleet.view(), fleet.nowMs, "bob", "checked on the bench"),
    );
    fleet.step();
    expect(fleet.record.wave).toBe(1);
    expect(fleet.record.verdicts[2]!.reason).toBe("by hand, bob: checked on the bench");
    expect(fleet.offeredTo.size).toBe(11);
  });

  test("a deadline ends the rollout without blaming the release", () => {
    const fleet = new Fleet(fiftyOne());
    fleet.record.policy.deadlineMs = fleet.nowMs + dayMs;
    fleet.start();
    fleet.run(3 * dayMs);
    expect(fleet.record.haltReason).toBe(
      "halted in wave 1 (canary): the deadline passed with 3 of 51 devices updated",
    );
    expect(fleet.effectsOf("poison")).toEqual([]);
    expect(fleet.effectsOf("orderRevert")).toEqual([]);
  });

  test("a second step with the same view and time changes nothing", () => {
    const fleet = new Fleet(fiftyOne());
    fleet.start();
    for (let tick = 0; tick < 600 && fleet.record.status === "running"; tick++) {
      fleet.run(10 * 60_000);
      const again = stepRollout(fleet.record, fleet.view(), fleet.nowMs);
      expect(again.effects).toEqual([]);
      expect(again.record).toBe(fleet.record);
    }
    expect(fleet.record.status).toBe("done");
  });
});
