import { describe, expect, test } from "vitest";
import {
  draftRollout,
  resumeRollout,
  startRollout,
} from "../../../cloud-agent/core/rollout/control.ts";
import { nextFor } from "../../../cloud-agent/core/rollout/decide.ts";
import { Lifecycle } from "../../../firmware/protocol/messages.ts";
import {
  type Behaviour,
  dayMs,
  Fleet,
  factsFor,
  fiftyOne,
  hourMs,
  newSequence,
  oldSequence,
  policyJson,
} from "./fleet.ts";

const isOver = (fleet: Fleet) => () => fleet.record.status !== "running";

describe("a good release", () => {
  test("reaches 51 devices over three boards by canary, 20 % and all", () => {
    const fleet = new Fleet(fiftyOne());
    fleet.start();
    expect(fleet.offeredTo.size).toBe(3);
    fleet.run(10 * dayMs, isOver(fleet));
    expect(fleet.record.status).toBe("done");
    expect(fleet.running(newSequence)).toBe(51);
    expect(fleet.record.verdicts.map((verdict) => verdict.result)).toEqual([
      "promote",
      "promote",
      "promote",
    ]);
    expect(fleet.record.verdicts[0]!.reason).toMatch(
      /^3 of 3 reachable devices confirmed and soaked for 1 day; battery slope of the 2 confirmed canaries is [01]\.\d times that of the 6 held back; crashes and silence within their limits$/,
    );
    expect(Object.values(fleet.record.assigned).filter((wave) => wave < 2)).toHaveLength(11);
    expect(fleet.effectsOf("orderRevert")).toEqual([]);
  });

  test("comes to the same end when the record goes through JSON before each step", () => {
    const straight = new Fleet(fiftyOne());
    const restarted = new Fleet(fiftyOne());
    restarted.isRestarting = true;
    for (const fleet of [straight, restarted]) {
      fleet.start();
      fleet.run(10 * dayMs, isOver(fleet));
    }
    expect(restarted.record).toEqual(straight.record);
    expect(restarted.effects).toEqual(straight.effects);
  });
});

describe("a bad release", () => {
  const bad = (board: string): Behaviour => (board === "puckjs" ? "crash" : "drain");

  test("halts in the canary wave, says why with figures, and takes confirmed canaries back", () => {
    const fleet = new Fleet(fiftyOne(bad), policyJson({ thresholds: { slopeSamplesMin: 12 } }));
    for (const device of fleet.devices) {
      if (device.facts.board === "puckjs") device.facts.nextCheckInS = 4 * 3600;
    }
    fleet.start();
    fleet.run(10 * dayMs, isOver(fleet));
    const canary = [...fleet.offeredTo].find((serial) => serial.startsWith("PU"));
    expect(fleet.record.status).toBe("halted");
    expect(fleet.record.wave).toBe(0);
    expect(fleet.record.haltReason).toContain(
      `halted in wave 1 (canary): 1 of 3 devices reverted (puckjs ${canary}: crashed at boot)`,
    );
    expect(fleet.offeredTo.size).toBe(3);
    expect(fleet.effectsOf("poison")).toHaveLength(1);
    expect(fleet.effectsOf("halt")).toHaveLength(1);
    fleet.run(dayMs);
    expect(fleet.effectsOf("orderRevert").map((effect) => effect.toSequence)).toEqual([
      oldSequence,
      oldSequence,
    ]);
    expect(fleet.running(newSequence)).toBe(0);
  });

  test("halts for battery drain alone, four times that of the held-back devices", () => {
    const fleet = new Fleet(fiftyOne(() => "drain"));
    for (const device of fleet.devices) device.facts.lastSeenMs = fleet.nowMs;
    fleet.start();
    fleet.run(10 * dayMs, isOver(fleet));
    expect(fleet.record.status).toBe("halted");
    expect(fleet.record.wave).toBe(0);
    expect(fleet.record.haltReason).toMatch(
      /^halted in wave 1 \(canary\): battery slope of the 2 confirmed canaries is [34]\.\d times that of the 6 held back/,
    );
    expect(fleet.effectsOf("orderRevert")).toHaveLength(3);
  });

  test("names both when a crash and a drain are known at once", () => {
    const fleet = new Fleet(
      fiftyOne((board) => (board === "linux" ? "crash" : "drain")),
      {
        ...policyJson(),
        thresholds: { reverted: 0.4, batterySlopeRatio: 2 },
      },
    );
    for (const device of fleet.devices) device.facts.lastSeenMs = fleet.nowMs;
    fleet.start();
    fleet.run(10 * dayMs, isOver(fleet));
    expect(fleet.record.haltReason).toMatch(
      /^halted in wave 1 \(canary\): 1 of 3 devices reverted \(linux LI-\d{4}: crashed at boot\); battery slope of the 2 confirmed canaries is [34]\.\d times that of the 6 held back/,
    );
  });

  test("is never offered or started again once poisoned", () => {
    const fleet = new Fleet(fiftyOne(bad));
    fleet.start();
    fleet.run(10 * dayMs, isOver(fleet));
    const again = draftRollout("r2", fleet.record.policy);
    expect(() => startRollout(again, fleet.view(), fleet.nowMs)).toThrow(/is poisoned: halted in/);
    expect(() => resumeRollout(fleet.record, fleet.view(), fleet.nowMs, "ada")).toThrow(/poisoned/);
    for (const device of fleet.devices) {
      expect(nextFor(device.facts, [fleet.record], [fleet.release], fleet.nowMs).offer).toBeNull();
    }
  });

  test("is kept where it runs when the policy says keep, and poisons nothing", () => {
    const fleet = new Fleet(fiftyOne(bad), policyJson({ onHalt: "keep" }));
    fleet.start();
    fleet.run(10 * dayMs, isOver(fleet));
    expect(fleet.record.status).toBe("halted");
    fleet.run(dayMs);
    expect(fleet.effectsOf("orderRevert")).toEqual([]);
    expect(fleet.effectsOf("poison")).toEqual([]);
  });

  test("orders a device back once, also when the order was answered and the device did not go", () => {
    const fleet = new Fleet(fiftyOne(bad));
    fleet.start();
    fleet.run(10 * dayMs, isOver(fleet));
    const ordered = fleet.effectsOf("orderRevert").map((effect) => effect.serial);
    for (const device of fleet.devices) device.facts = { ...device.facts, orderPending: null };
    fleet.step();
    expect(ordered).not.toEqual([]);
    expect(fleet.effectsOf("orderRevert").map((effect) => effect.serial)).toEqual(ordered);
  });

  test("does not order a device back to an empty slot or below its floor", () => {
    const fleet = new Fleet(fiftyOne(() => "drain"));
    fleet.start();
    fleet.run(4 * hourMs);
    const [first, second, third] = [...fleet.offeredTo].map((serial) => fleet.find(serial));
    first!.facts = { ...first!.facts, otherValid: false };
    second!.facts = { ...second!.facts, floor: newSequence };
    fleet.run(10 * dayMs, isOver(fleet));
    const ordered = fleet.effectsOf("orderRevert").map((effect) => effect.serial);
    expect(ordered).toEqual([third!.facts.serial]);
    const event = fleet.events.find((one) => one.kind === "revertImpossible")!;
    expect(event.text).toMatch(/^2 confirmed devices cannot go back without a download \(/);
  });

  test("is not offered again to a device that has forgotten its failure", () => {
    const fleet = new Fleet(
      fiftyOne((board) => (board === "puckjs" ? "crash" : "good")),
      policyJson({ onHalt: "keep", holdBackShare: 0 }),
    );
    fleet.start();
    fleet.run(10 * dayMs, isOver(fleet));
    fleet.apply(resumeRollout(fleet.record, fleet.view(), fleet.nowMs, "ada"));
    const failed = fleet.find(fleet.record.acknowledged[0]!);
    failed.facts = { ...failed.facts, lastFailed: null };
    fleet.step();
    const next = nextFor(failed.facts, [fleet.record], [fleet.release], fleet.nowMs);
    expect(next).toMatchObject({ offer: null, code: "reverted" });
  });

  test("takes back a device that confirms only after the halt", () => {
    const fleet = new Fleet(fiftyOne((board) => (board === "puckjs" ? "crash" : "good")));
    for (const device of fleet.devices) {
      if (device.facts.board === "linux") device.facts.nextCheckInS = 8 * 3600;
    }
    fleet.start();
    fleet.run(10 * dayMs, isOver(fleet));
    const linux = [...fleet.offeredTo].find((serial) => serial.startsWith("LI"))!;
    expect(fleet.effectsOf("orderRevert").map((effect) => effect.serial)).not.toContain(linux);
    fleet.find(linux).facts = {
      ...fleet.find(linux).facts,
      runningSequence: newSequence,
      runningDigest: "77".repeat(8),
      otherSequence: oldSequence,
      otherValid: true,
    };
    fleet.step();
    expect(fleet.effectsOf("orderRevert").map((effect) => effect.serial)).toContain(linux);
  });
});

describe("causes", () => {
  test.each<[Behaviour, RegExp]>([
    ["crash", /1 of 3 devices reverted \(puckjs PU-\d+: crashed at boot\)/],
    ["reject", /1 of 3 devices rejected it \(puckjs PU-\d+: interpreter version does not fit\)/],
    ["stall", /1 of 3 devices timed out \(puckjs PU-\d+: stopped at 4096 of 8192 bytes\)/],
  ])("a device that does %s is counted as its own cause", (behaviour, reason) => {
    const fleet = new Fleet(fiftyOne((board) => (board === "puckjs" ? behaviour : "good")));
    fleet.start();
    fleet.run(10 * dayMs, isOver(fleet));
    expect(fleet.record.haltReason).toMatch(reason);
  });

  test("a failure within its threshold does not stop the rollout and is told at the end", () => {
    const fleet = new Fleet(
      fiftyOne((board, index) => (board === "esp32" && index === 3 ? "crash" : "good")),
      policyJson({ thresholds: { reverted: 0.5 } }),
    );
    fleet.start();
    fleet.run(10 * dayMs, isOver(fleet));
    expect(fleet.record.status).toBe("done");
    expect(fleet.record.verdicts.at(-1)!.reason).toContain(
      "50 of 51 reachable devices run release 7",
    );
    expect(fleet.record.verdicts.at(-1)!.reason).toContain("esp32 ES-0004: crashed at boot");
  });

  test("a device that fell silent while updating times out, one that never came does not", () => {
    const fleet = new Fleet(fiftyOne(), policyJson({ holdBackShare: 0 }));
    fleet.start();
    const [first, second] = [...fleet.offeredTo].map((serial) => fleet.find(serial));
    second!.behaviour = "asleep";
    first!.facts = { ...first!.facts, lastSeenMs: fleet.nowMs + 1 };
    first!.behaviour = "asleep";
    fleet.run(2 * dayMs, isOver(fleet));
    expect(fleet.record.haltReason).toContain(`1 of 3 devices timed out (${first!.facts.board}`);
    expect(fleet.record.progress![second!.facts.serial]!.cause).toBeNull();
  });
});

describe("sleepers", () => {
  test("that keep their promise do not time out, even when they promised longer than the timeout", () => {
    const fleet = new Fleet(fiftyOne(), policyJson({ deviceTimeoutMs: hourMs, holdBackShare: 0 }));
    fleet.start();
    const canary = fleet.find([...fleet.offeredTo][0]!);
    canary.facts = { ...canary.facts, lastSeenMs: fleet.nowMs + 1, nextCheckInS: 10 * 3600 };
    fleet.run(9 * hourMs);
    expect(fleet.record.status).toBe("running");
    fleet.run(20 * hourMs);
    // It came after its time without the release: that is a timeout.
    expect(fleet.record.haltReason).toContain("1 of 3 devices timed out");
  });

  test("never block, are listed, and get the release when they wake after the end", () => {
    const sleepy = (_: string, index: number): Behaviour => (index < 2 ? "asleep" : "good");
    const fleet = new Fleet(fiftyOne(sleepy));
    for (const device of fleet.devices) {
      if (device.behaviour === "asleep") device.facts.lastSeenMs = null;
    }
    fleet.start();
    fleet.run(20 * dayMs, isOver(fleet));
    expect(fleet.record.status).toBe("done");
    expect(fleet.running(newSequence)).toBe(45);
    expect(fleet.record.verdicts.at(-1)!.reason).toContain("45 of 45 reachable devices");
    expect(fleet.record.verdicts.at(-1)!.reason).toContain("6 silent (");
    for (const device of fleet.devices) device.behaviour = "good";
    fleet.run(dayMs);
    expect(fleet.running(newSequence)).toBe(51);
  });

  test("a canary wave in which nobody answers is not promoted", () => {
    const fleet = new Fleet(fiftyOne(() => "asleep"));
    fleet.start();
    fleet.run(10 * dayMs);
    expect(fleet.record).toMatchObject({ status: "running", wave: 0, verdicts: [] });
  });
});

describe("targets that change", () => {
  test("a device that joins later waits for a later wave, one that leaves stops counting", () => {
    const fleet = new Fleet(fiftyOne());
    fleet.start();
    const leaver = fleet.find([...fleet.offeredTo][0]!);
    leaver.behaviour = "asleep";
    leaver.facts = { ...leaver.facts, lifecycle: Lifecycle.Retired };
    const joiner = { ...factsFor(99, "esp32"), lastSeenMs: fleet.nowMs };
    fleet.devices.push({
      facts: joiner,
      behaviour: "good",
      pending: null,
      usedMicroAh: 0,
      lastTickMs: fleet.nowMs,
    });
    fleet.run(hourMs);
    expect(fleet.record.assigned["ES-0099"]).toBeGreaterThan(0);
    expect(fleet.offeredTo.has("ES-0099")).toBe(false);
    fleet.run(10 * dayMs, isOver(fleet));
    expect(fleet.record.status).toBe("done");
    expect(fleet.record.verdicts[0]!.reason).toContain("2 of 2 reachable devices confirmed");
    expect(fleet.running(newSequence)).toBe(51);
  });
});

describe("a board kind that comes late", () => {
  test("joins the canary while that is open, and a later wave after it", () => {
    const boards = new Fleet(fiftyOne().filter(({ facts }) => facts.board !== "esp32"));
    boards.start();
    const join = (index: number) => {
      const facts = { ...factsFor(index, "esp32"), lastSeenMs: boards.nowMs };
      boards.devices.push({
        facts,
        behaviour: "good",
        pending: null,
        usedMicroAh: 0,
        lastTickMs: boards.nowMs,
      });
    };
    join(1);
    boards.step();
    join(2);
    boards.step();
    expect(boards.record.assigned["ES-0001"]).toBe(0);
    expect(boards.record.assigned["ES-0002"]).toBeGreaterThan(0);
    expect(boards.offeredTo.has("ES-0001")).toBe(true);
  });
});
