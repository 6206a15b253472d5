/** What a rollout waits for and tries again: owners, apps, tries, the penalty box, releases on the way. Virtual time. */
import { describe, expect, it, test } from "vitest";
import { answerConsent } from "../../../cloud-agent/core/rollout/consent.ts";
import { nextFor } from "../../../cloud-agent/core/rollout/decide.ts";
import { penalise } from "../../../cloud-agent/core/rollout/penalty.ts";
import { parsePolicy } from "../../../cloud-agent/core/rollout/policy.ts";
import { retryAtMs, retryClassOf } from "../../../cloud-agent/core/rollout/retry.ts";
import { Code } from "../../../firmware/protocol/errors.ts";
import {
  type Behaviour,
  dayMs,
  Fleet,
  factsFor,
  hourMs,
  newSequence,
  oldSequence,
  policyJson,
  releaseOf,
} from "./fleet.ts";

const all = { name: "all", size: { percent: 100 }, soakMs: 0 };
const canary = { name: "canary", size: { count: 2 }, soakMs: 0 };
const lenient = { failed: 1, reverted: 1, rejected: 1, timedOut: 1 };

function fleetOf(
  count: number,
  policy: Record<string, unknown> = {},
  behaviour: (index: number) => Behaviour = () => "good",
): Fleet {
  const devices = Array.from({ length: count }, (_, index) => ({
    facts: factsFor(index + 1, "linux", { nextCheckInS: 600 }),
    behaviour: behaviour(index),
  }));
  const none = { holdBackShare: 0, verdict: { onTooFew: "promote", waitMs: 0 } };
  return new Fleet(devices, policyJson({ ...none, waves: [canary, all], ...policy }));
}
const next = (fleet: Fleet, serial: string) =>
  nextFor(
    fleet.find(serial).facts,
    [fleet.record],
    [fleet.release, ...fleet.releases],
    fleet.nowMs,
  );
const ended = (fleet: Fleet) => fleet.record.status !== "running";
const kinds = (fleet: Fleet, kind: string) => fleet.events.filter((event) => event.kind === kind);

describe("an owner's consent", () => {
  const consent = { mode: "consent", notNowMaxMs: 10 * dayMs };
  const answer = (fleet: Fleet, serial: string, said: "yes" | "notNow", untilMs = 0) => {
    const taken = answerConsent(
      ...([fleet.record, serial, { answer: said, by: "acme", untilMs }, fleet.nowMs] as const),
    );
    if (taken) fleet.apply(taken);
    return taken !== null;
  };

  it("is asked once for each device of an open wave, and nothing goes out before it", () => {
    const fleet = fleetOf(20, consent);
    fleet.start();
    fleet.run(dayMs);
    expect(kinds(fleet, "consentAsked")).toHaveLength(2);
    expect([fleet.effectsOf("offer").length, fleet.running(newSequence)]).toEqual([0, 0]);
    const [asked] = kinds(fleet, "consentAsked");
    const reply = next(fleet, asked!.serial!);
    expect([reply.code, reply.offer]).toEqual(["awaitsConsent", null]);
    expect(reply.reason).toMatch(
      /^its owner was asked 1 day ago and has not answered; it goes out/,
    );
    expect(answer(fleet, asked!.serial!, "yes")).toBe(true);
    expect(answer(fleet, asked!.serial!, "notNow")).toBe(false);
    fleet.run(2 * hourMs);
    expect(fleet.find(asked!.serial!).facts.runningSequence).toBe(newSequence);
    expect(fleet.effectsOf("offer").map(({ serial }) => serial)).toContain(asked!.serial);
  });

  it("does not keep a wave open: whoever has not answered is listed", () => {
    const fleet = fleetOf(20, consent);
    fleet.start();
    const [first] = kinds(fleet, "consentAsked");
    answer(fleet, first!.serial!, "yes");
    fleet.run(2 * dayMs, () => fleet.record.wave === 1);
    expect(fleet.record.wave).toBe(1);
    expect(fleet.record.verdicts.at(-1)!.reason).toMatch(/1 awaiting consent \(LI-00\d\d\)/);
  });

  it("that says not now is asked again at its time, and has an end", () => {
    const fleet = fleetOf(20, consent);
    fleet.start();
    const serial = kinds(fleet, "consentAsked")[0]!.serial!;
    const startMs = fleet.nowMs;
    expect(answer(fleet, serial, "notNow", startMs + 2 * dayMs)).toBe(true);
    fleet.run(dayMs);
    expect(next(fleet, serial).reason).toMatch(/its owner \(acme\) said not now until 1970-01-13/);
    fleet.run(dayMs + hourMs);
    expect(kinds(fleet, "consentAsked").filter((event) => event.serial === serial)).toHaveLength(2);
    // Ten years are no answer.
    expect(answer(fleet, serial, "notNow", startMs + 3650 * dayMs)).toBe(true);
    expect(fleet.record.consents![serial]!.untilMs).toBe(startMs + 10 * dayMs);
    fleet.run(9 * dayMs);
    expect(fleet.find(serial).facts.runningSequence).toBe(newSequence);
  });

  it("is not asked for without that mode", () => {
    const fleet = fleetOf(20);
    fleet.start();
    fleet.run(dayMs, () => ended(fleet));
    expect([fleet.record.status, kinds(fleet, "consentAsked").length]).toEqual(["done", 0]);
    expect(answer(fleet, "LI-0001", "yes")).toBe(false);
  });
});

describe("an app that says not now", () => {
  const putOff = (mode: string, notNowMaxMs: number) => {
    const waves = [canary, { ...all, soakMs: 12 * hourMs }];
    const policy = { waves, mode, notNowMaxMs, deviceTimeoutMs: 2 * hourMs, thresholds: lenient };
    const fleet = fleetOf(20, policy, (index) => (index === 0 ? "defer" : "good"));
    fleet.devices[0]!.deferUntilMs = fleet.nowMs + 3 * dayMs;
    fleet.start();
    return fleet;
  };
  it("is listed and waited for in a soft rollout, without holding a wave", () => {
    const fleet = putOff("soft", 5 * dayMs);
    fleet.run(dayMs, () => ended(fleet));
    expect([fleet.record.status, fleet.running(newSequence)]).toEqual(["done", 19]);
    expect(fleet.record.verdicts.at(-1)!.reason).toContain("1 asking for later (LI-0001)");
    expect(next(fleet, "LI-0001")).toMatchObject({ code: "deferred", offer: newSequence });
    expect(next(fleet, "LI-0001").reason).toContain("application asks for later");
  });
  it("times out where the rollout is forced, and where its patience is over", () => {
    for (const fleet of [putOff("forced", 5 * dayMs), putOff("soft", 6 * hourMs)]) {
      fleet.run(dayMs);
      expect(kinds(fleet, "rolloutDeviceFailed")).toMatchObject([
        { serial: "LI-0001", data: { cause: "timedOut" } },
      ]);
    }
  });
});

describe("a refusal that may pass", () => {
  const damaged = (times: number, policy: Record<string, unknown> = {}) => {
    const fleet = fleetOf(20, policy, (index) => (index === 0 ? "damaged" : "good"));
    fleet.devices[0]!.damagedTimes = times;
    fleet.start();
    return fleet;
  };

  it("is tried again with a pause that doubles, and counts for nothing when it passes", () => {
    const fleet = damaged(3);
    fleet.run(3 * dayMs, () => ended(fleet));
    expect([fleet.record.status, fleet.running(newSequence)]).toEqual(["done", 20]);
    const planned = kinds(fleet, "updateRetryPlanned");
    expect(planned.map(({ data }) => data.tries)).toEqual([1, 2, 3]);
    const pauses = planned.map(({ atMs, data }) => ((data.retryAtMs as number) - atMs) / hourMs);
    expect(pauses).toEqual([1, 2, 4]);
    expect(kinds(fleet, "rolloutDeviceFailed")).toEqual([]);
    expect(planned[0]!.text).toContain("(image arrived damaged); try 2 comes at ");
  });

  it("counts once its tries are used up", () => {
    const fleet = damaged(4);
    fleet.run(3 * dayMs, () => ended(fleet));
    expect(fleet.record.status).toBe("halted");
    expect(fleet.record.haltReason).toContain("rejected it (linux LI-0001: image arrived damaged)");
    expect(kinds(fleet, "updateRetryPlanned")).toHaveLength(3);
  });

  it("is explained while it waits, and survives a restart of the agent", () => {
    const fleet = damaged(2);
    fleet.isRestarting = true;
    fleet.run(dayMs, () => kinds(fleet, "updateRetryPlanned").length === 1);
    expect(next(fleet, "LI-0001")).toMatchObject({ code: "retryLater", offer: null });
    expect(next(fleet, "LI-0001").reason).toMatch(
      /\(image arrived damaged\) and is tried again at/,
    );
    fleet.run(dayMs, () => ended(fleet));
    expect([fleet.record.status, fleet.running(newSequence)]).toEqual(["done", 20]);
  });

  it("of the author's kind, or with no tries allowed, counts at once", () => {
    const none = { retries: { transfer: { times: 0 } } };
    for (const fleet of [damaged(1, none), fleetOf(20, {}, () => "reject")]) {
      if (fleet.record.status === "draft") fleet.start();
      fleet.run(dayMs, () => ended(fleet));
      expect([fleet.record.status, kinds(fleet, "updateRetryPlanned").length]).toEqual([
        "halted",
        0,
      ]);
    }
  });

  test.each<[Code, string | null]>([
    [Code.ImageDigest, "transfer"],
    [Code.OutOfMemory, "device"],
    [Code.WrongInterpreter, null],
    [Code.ManifestKeyUnknown, null],
    [Code.TrialCrashed, null],
  ])("code %i is of class %s", (code, kind) => {
    expect(retryClassOf(code)).toBe(kind);
  });

  it("pauses a week at most", () => {
    const retries = { transfer: { times: 10, backoffMs: dayMs } };
    const policy = parsePolicy(policyJson({ retries }));
    const entry = { tries: 9 } as Parameters<typeof retryAtMs>[1];
    expect(retryAtMs(policy, entry, Code.ImageDigest, 0)).toBe(7 * dayMs);
  });
});

describe("the penalty box", () => {
  const rule = { failures: 2, withinMs: dayMs, forMs: 12 * hourMs };
  it("closes at the failures of the rule, and opens by itself", () => {
    const one = penalise(null, 7, rule, 0);
    expect(one).toEqual({ failures: [{ atMs: 0, sequence: 7 }], untilMs: null });
    expect(penalise(one, 8, rule, hourMs).untilMs).toBe(13 * hourMs);
    expect(penalise(one, 8, rule, dayMs).untilMs).toBe(null);
  });
  it("keeps a device out of the next rollout until its time is over", () => {
    const fleet = fleetOf(20);
    const boxed = fleet.devices[3]!.facts;
    boxed.penaltyUntilMs = fleet.nowMs + dayMs;
    fleet.start();
    fleet.run(hourMs * 6);
    const running = () => fleet.find(boxed.serial).facts.runningSequence;
    expect(running()).toBe(oldSequence);
    expect(next(fleet, boxed.serial).code).toBe("penaltyBox");
    fleet.run(2 * dayMs);
    expect(running()).toBe(newSequence);
    expect(fleet.record.status).toBe("done");
    expect(fleet.record.verdicts.at(-1)!.reason).toContain("1 left alone after failures (LI-0004)");
  });
  it("counts what failed, never what was slow", () => {
    const policy = { thresholds: lenient, deviceTimeoutMs: hourMs };
    const fleet = fleetOf(20, policy, (index) => (["crash", "stall"] as const)[index] ?? "good");
    fleet.start();
    fleet.run(dayMs);
    expect(fleet.effectsOf("failure").map(({ serial }) => serial)).toEqual(["LI-0001"]);
  });
});

describe("a release that must be passed through", () => {
  const older = (index: number) => (index < 5 ? 3 : oldSequence);
  const withOld = (
    policy: Record<string, unknown> = {},
    behaviour?: (index: number) => Behaviour,
  ) => {
    const fleet = fleetOf(
      20,
      { waves: [{ ...canary, size: { count: 8 } }, all], ...policy },
      behaviour,
    );
    fleet.devices.forEach(({ facts }, index) => {
      facts.runningSequence = older(index);
    });
    return fleet;
  };
  const stepping = () => ({ ...releaseOf(5), mustPass: true });

  it("comes first for every device below it, and for no other", () => {
    const fleet = withOld();
    fleet.releases = [stepping()];
    const ran = new Map<string, number[]>();
    fleet.start();
    fleet.run(4 * dayMs, () => {
      for (const { facts } of fleet.devices) {
        const list = ran.get(facts.serial) ?? [];
        if (list.at(-1) !== facts.runningSequence) list.push(facts.runningSequence);
        ran.set(facts.serial, list);
      }
      return ended(fleet);
    });
    expect(fleet.record.status).toBe("done");
    const ways = [...ran.values()].map((list) => list.join(" ")).sort();
    expect(ways).toEqual([...Array(5).fill("3 5 7"), ...Array(15).fill("6 7")]);
  });

  it("may be named by the policy, has to be published, and is told", () => {
    const fleet = withOld({ passThrough: [5] });
    expect(() => fleet.start()).toThrow(/passThrough: release 5 is not published/);
    fleet.releases = [releaseOf(5)];
    fleet.start();
    const serial = fleet.effectsOf("offer").find(({ sequence }) => sequence === 5)!.serial;
    const reply = next(fleet, serial);
    expect([reply.code, reply.offer]).toEqual(["offered", 5]);
    expect(reply.reason).toContain('; it must pass through 5 to release 7 of rollout "Release 7"');
  });

  it("that fails on the way halts the rollout, and leaves its own release unpoisoned", () => {
    const fleet = withOld({}, (index) => (index < 5 ? "reject" : "good"));
    fleet.releases = [stepping()];
    fleet.start();
    for (const device of fleet.devices.slice(0, 5)) {
      device.facts.refused = { sequence: 5, code: Code.WrongInterpreter };
      device.facts.refusedMs = fleet.nowMs;
    }
    fleet.run(dayMs, () => ended(fleet));
    expect(fleet.record.status).toBe("halted");
    expect(fleet.effectsOf("poison")).toEqual([]);
  });

  it("and is poisoned lets nobody past", () => {
    const fleet = withOld();
    fleet.releases = [{ ...stepping(), poisonedMs: 1, poisonReason: "bad" }];
    fleet.start();
    const old = fleet.devices[0]!.facts;
    fleet.record = { ...fleet.record, wave: 1 };
    expect(next(fleet, old.serial)).toMatchObject({ offer: null, code: "poisoned" });
  });
});
