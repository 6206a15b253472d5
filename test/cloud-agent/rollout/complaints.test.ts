/** What users of other rollout servers ran into, and must not here. */
import { describe, expect, test } from "vitest";
import { pauseRollout } from "../../../cloud-agent/core/rollout/control.ts";
import { nextFor } from "../../../cloud-agent/core/rollout/decide.ts";
import { parsePolicy } from "../../../cloud-agent/core/rollout/policy.ts";
import { Code } from "../../../firmware/protocol/errors.ts";
import { Lifecycle } from "../../../firmware/protocol/messages.ts";
import {
  type Behaviour,
  dayMs,
  Fleet,
  fiftyOne,
  hourMs,
  newSequence,
  policyJson,
} from "./fleet.ts";

const isOver = (fleet: Fleet) => () => fleet.record.status !== "running";

describe("thresholds do not misfire", () => {
  test("a device that asks for later is listed, and counts neither as failed nor in any share", () => {
    const fleet = new Fleet(fiftyOne(), policyJson({ holdBackShare: 0 }));
    fleet.start();
    const asking = fleet.find([...fleet.offeredTo][0]!);
    asking.behaviour = "stall";
    for (let day = 0; day < 4; day++) {
      const refused = { sequence: newSequence, code: Code.UpdateDeferred };
      asking.facts = { ...asking.facts, refused };
      fleet.run(dayMs, isOver(fleet));
    }
    expect(fleet.record.progress![asking.facts.serial]!.cause).toBeNull();
    expect(fleet.record.verdicts[0]!.reason).toContain("2 of 2 reachable devices confirmed");
    expect(fleet.record.verdicts[0]!.reason).toContain(
      `1 asking for later (${asking.facts.serial})`,
    );
  });

  test("a refusal of another release says nothing about this one", () => {
    const fleet = new Fleet(fiftyOne(), policyJson({ holdBackShare: 0 }));
    for (const device of fleet.devices) {
      device.facts.refused = { sequence: newSequence - 1, code: Code.WrongInterpreter };
    }
    fleet.start();
    fleet.run(10 * dayMs, isOver(fleet));
    expect(fleet.record.status).toBe("done");
  });

  test("a rollout that is not running offers nothing, and starts nothing when it never ran", () => {
    const fleet = new Fleet(fiftyOne());
    const offers = () =>
      fleet.devices.filter(
        ({ facts }) => nextFor(facts, [fleet.record], [fleet.release], fleet.nowMs).offer !== null,
      ).length;
    expect(offers()).toBe(0);
    fleet.start();
    expect(offers()).toBe(3);
    fleet.apply(pauseRollout(fleet.record, fleet.view(), fleet.nowMs, "ada"));
    expect(offers()).toBe(0);
    fleet.run(2 * dayMs);
    expect(fleet.running(newSequence)).toBe(0);
  });

  test("a failed device that is retired leaves the share it counted in", () => {
    const crash = (board: string): Behaviour => (board === "puckjs" ? "crash" : "good");
    const fleet = new Fleet(fiftyOne(crash), policyJson({ thresholds: { reverted: 0.4 } }));
    fleet.start();
    fleet.run(6 * hourMs);
    const failed = [...fleet.offeredTo].find((serial) => serial.startsWith("PU"))!;
    expect(fleet.record.progress![failed]!.cause).toBe("reverted");
    fleet.find(failed).facts = { ...fleet.find(failed).facts, lifecycle: Lifecycle.Retired };
    fleet.run(2 * dayMs, () => fleet.record.wave > 0);
    expect(fleet.record.verdicts[0]!.reason).toMatch(/^2 of 2 reachable devices confirmed/);
    expect(fleet.record.verdicts[0]!.reason).not.toContain("reverted");
  });

  test("failures that come after a halt neither halt again nor undo it", () => {
    const bad = (board: string): Behaviour => (board === "linux" ? "reject" : "crash");
    const fleet = new Fleet(fiftyOne(bad));
    for (const device of fleet.devices) {
      if (device.facts.board === "linux") device.facts.nextCheckInS = 8 * 3600;
    }
    fleet.start();
    fleet.run(10 * dayMs, isOver(fleet));
    const { haltReason } = fleet.record;
    expect(haltReason).not.toContain("rejected");
    fleet.run(2 * dayMs);
    expect(fleet.record).toMatchObject({ status: "halted", haltReason });
    expect(fleet.effectsOf("halt")).toHaveLength(1);
    expect(fleet.record.verdicts.map((one) => one.result)).toEqual(["revert"]);
  });

  test("a rollout that names no devices is refused", () => {
    expect(() => parsePolicy(policyJson({ target: {} }))).toThrow(/a rollout names its devices/);
    expect(() => parsePolicy(policyJson({ target: { models: [] } }))).toThrow(/target\.models/);
  });
});
