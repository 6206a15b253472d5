/** What persons have to say, and may: approvals, the emergency lane, a named release to go back to, overrides. */
import { describe, expect, it } from "vitest";
import { approveRollout } from "../../../cloud-agent/core/rollout/approvals.ts";
import { abortRollout, promoteByHand } from "../../../cloud-agent/core/rollout/control.ts";
import { inEmergency } from "../../../cloud-agent/core/rollout/policy/emergency.ts";
import { parsePolicy } from "../../../cloud-agent/core/rollout/policy.ts";
import { dayMs, Fleet, factsFor, hourMs, newSequence, policyJson, releaseOf } from "./fleet.ts";

const all = { name: "all", size: { percent: 100 }, soakMs: 0 };
const canary = { name: "canary", size: { count: 4 }, soakMs: dayMs };

function fleetOf(policy: Record<string, unknown>, crashes = 0): Fleet {
  const devices = Array.from({ length: 20 }, (_, index) => ({
    facts: factsFor(index + 1, "linux", { nextCheckInS: 600 }),
    behaviour: "good" as const,
  }));
  const none = {
    holdBackShare: 0,
    verdict: { onTooFew: "promote", waitMs: 0 },
    waves: [canary, all],
  };
  const fleet = new Fleet(devices, policyJson({ ...none, ...policy }));
  fleet.start = () => {
    Fleet.prototype.start.call(fleet);
    const own = fleet.devices.filter(({ facts }) => fleet.record.assigned[facts.serial] === 0);
    for (const device of own.slice(0, crashes)) device.behaviour = "crash";
  };
  return fleet;
}

describe("an approval", () => {
  it("is needed as often as the policy says, by different persons who did not write it", () => {
    const fleet = fleetOf({ approvals: 2, approver: null });
    fleet.record = { ...fleet.record, writtenBy: "carl" };
    expect(() => fleet.start()).toThrow(/expected 2 approvals by others than its author, got 0/);
    for (const author of ["ada", " Carl"]) {
      expect(() => approveRollout(fleet.record, author, 1)).toThrow(/expected another approver/);
    }
    fleet.apply(approveRollout(fleet.record, "bob", 1));
    fleet.apply(approveRollout(fleet.record, "Bob ", 2));
    expect(() => fleet.start()).toThrow(/got 1/);
    fleet.apply(approveRollout(fleet.record, "dora", 3));
    fleet.start();
    expect(fleet.record).toMatchObject({
      status: "running",
      approvals: [
        { person: "bob", atMs: 1 },
        { person: "dora", atMs: 3 },
      ],
    });
    expect(fleet.events.find(({ kind }) => kind === "rolloutStarted")!.data).toMatchObject({
      approvals: ["bob", "dora"],
    });
    expect(() => approveRollout(fleet.record, "eve", 4)).toThrow(/expected draft, it is running/);
  });
});

describe("the emergency lane", () => {
  const lane = {
    emergency: { soakMs: hourMs },
    emergencyReason: "a hole that is used already",
    windows: { open: [{ from: "22:00", to: "05:00" }] },
    mode: "consent",
  };
  const security = { ...releaseOf(), type: "security" as const };

  it("shortens soak and waiting, lifts windows and consent, and needs two approvals", () => {
    const normal = parsePolicy(policyJson({ ...lane, emergencyReason: undefined }));
    expect(inEmergency(normal, security)).toBe(normal);
    const fast = inEmergency(parsePolicy(policyJson(lane)), security);
    expect(fast.waves.map(({ soakMs }) => soakMs)).toEqual([hourMs, hourMs, hourMs]);
    expect(fast).toMatchObject({ windows: null, mode: "forced", approvals: 2, onHalt: "revert" });
    expect(fast.verdict.waitMs).toBe(hourMs);
    expect(fast.thresholds).toEqual(normal.thresholds);
  });

  it.each<[string, Record<string, unknown>, "security" | "feature", RegExp]>([
    ["a policy without one", { emergency: null }, "security", /emergency section with a soak/],
    ["a feature", {}, "feature", /a security or fix release, release 7 is a feature/],
    [
      "a rollout without canary",
      { withoutCanary: "there is no time for it" },
      "security",
      /expected a canary wave/,
    ],
  ])("is refused for %s", (_title, changes, type, message) => {
    const policy = parsePolicy(policyJson({ ...lane, ...changes }));
    expect(() => inEmergency(policy, { ...security, type })).toThrow(message);
  });

  it("still halts on the first bad canary", () => {
    const policy = policyJson({ ...lane, waves: [canary, all], holdBackShare: 0 });
    const fleet = fleetOf({}, 1);
    fleet.record = { ...fleet.record, policy: inEmergency(parsePolicy(policy), security) };
    for (const person of ["bob", "dora"]) fleet.apply(approveRollout(fleet.record, person, 1));
    fleet.start();
    fleet.run(dayMs, () => fleet.record.status !== "running");
    expect([fleet.record.status, fleet.record.wave]).toEqual(["halted", 0]);
    expect(fleet.effectsOf("poison")).toHaveLength(1);
  });
});

describe("a named release to go back to", () => {
  const updated = (policy: Record<string, unknown> = {}) => {
    const fleet = fleetOf(policy);
    fleet.releases = [releaseOf(5), releaseOf(6)];
    fleet.start();
    fleet.run(dayMs / 2);
    expect(fleet.running(newSequence)).toBe(4);
    const own = fleet.devices.filter(({ facts }) => facts.runningSequence === newSequence);
    own[0]!.facts.otherSequence = 5;
    return { fleet, odd: own[0]!.facts.serial };
  };

  it("takes back those that hold it, and lists the others", () => {
    const { fleet, odd } = updated();
    fleet.apply(abortRollout(fleet.record, fleet.view(), fleet.nowMs, "ada", "revert", 6));
    const orders = fleet.effectsOf("orderRevert");
    expect(orders.map(({ toSequence }) => toSequence)).toEqual([6, 6, 6]);
    expect(orders.map(({ serial }) => serial)).not.toContain(odd);
    const stuck = fleet.events.find(({ kind }) => kind === "revertImpossible")!;
    expect(stuck.text).toBe(
      `1 confirmed devices cannot go back to release 6 without a download (${odd}).`,
    );
    fleet.run(2 * hourMs);
    expect(fleet.running(6)).toBe(19);
  });

  it("of the policy counts at a halt, and has to be published", () => {
    const { fleet, odd } = updated({ revertTo: 5 });
    fleet.release = { ...fleet.release, poisonedMs: fleet.nowMs, poisonReason: "found bad" };
    fleet.step();
    expect(fleet.effectsOf("orderRevert")).toMatchObject([{ serial: odd, toSequence: 5 }]);
    expect(() => fleetOf({ revertTo: 4 }).start()).toThrow(/revertTo: release 4 is not published/);
    const own = fleetOf({ revertTo: 7 });
    own.releases = [releaseOf(7)];
    expect(() => own.start()).toThrow(/release 7 is the one that is brought out/);
  });
});

describe("a promotion by hand", () => {
  it("acknowledges the failures seen so far, and no later ones", () => {
    const waves = [
      { ...canary, size: { count: 10 }, confirmShare: 0.5 },
      { ...all, soakMs: dayMs },
    ];
    const fleet = fleetOf({ waves, thresholds: { reverted: 0.3, failed: 0.3 } }, 2);
    fleet.start();
    fleet.run(hourMs * 6);
    expect([fleet.record.status, fleet.record.wave]).toEqual(["running", 0]);
    fleet.apply(promoteByHand(fleet.record, fleet.view(), fleet.nowMs, "bob", "known bad batch"));
    expect(fleet.record.acknowledged).toHaveLength(2);
    expect(fleet.record.verdicts.at(-1)!.reason).toBe(
      "by hand, bob: known bad batch; 2 failed devices acknowledged",
    );
  });

  it("is what a wave marked byHand waits for, however good it is", () => {
    const fleet = fleetOf({ waves: [{ ...canary, soakMs: hourMs, byHand: true }, all] });
    fleet.start();
    fleet.run(3 * dayMs);
    expect(fleet.record.wave).toBe(0);
    expect(fleet.record.verdicts.at(-1)).toMatchObject({
      result: "hold",
      reason: expect.stringMatching(/^the policy leaves this promotion to a person/),
    });
    fleet.apply(promoteByHand(fleet.record, fleet.view(), fleet.nowMs, "bob", "looked at it"));
    fleet.run(dayMs);
    expect(fleet.record.status).toBe("done");
  });
});
