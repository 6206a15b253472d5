/** Who is offered what, and when: filters, pace, windows in local time, budgets, samples. All in virtual time. */
import { describe, expect, it, test } from "vitest";
import { assignWaves } from "../../../cloud-agent/core/rollout/assign.ts";
import { nextFor } from "../../../cloud-agent/core/rollout/decide.ts";
import { parsePolicy } from "../../../cloud-agent/core/rollout/policy.ts";
import type { DeviceFacts } from "../../../cloud-agent/core/rollout/types.ts";
import { isOpenFor, nextOpening } from "../../../cloud-agent/core/rollout/windows.ts";
import { isZone, localTime } from "../../../cloud-agent/core/rollout/zone.ts";
import {
  type Behaviour,
  dayMs,
  Fleet,
  factsFor,
  hourMs,
  minuteMs,
  newSequence,
  oldSequence,
  policyJson,
} from "./fleet.ts";

const all = { name: "all", size: { percent: 100 }, soakMs: 0 };
const canary = { name: "canary", size: { count: 1 }, soakMs: 0 };
const none = { holdBackShare: 0, verdict: { onTooFew: "promote", waitMs: 0 } };

/** One board without vitals, so that nothing but the offers is at stake. */
function fleetOf(
  count: number,
  policy: Record<string, unknown>,
  changes: (index: number) => Partial<DeviceFacts> = () => ({}),
  behaviour: (index: number) => Behaviour = () => "good",
): Fleet {
  const devices = Array.from({ length: count }, (_, index) => ({
    facts: factsFor(index + 1, "linux", { nextCheckInS: 600, ...changes(index) }),
    behaviour: behaviour(index),
  }));
  return new Fleet(devices, policyJson({ ...none, waves: [canary, all], ...policy }));
}
const offersAt = (fleet: Fleet) => fleet.effectsOf("offer").length;
const inUpdate = (fleet: Fleet) =>
  fleet.devices.filter(
    ({ facts }) =>
      fleet.record.progress?.[facts.serial] !== undefined && facts.runningSequence === oldSequence,
  );

describe("a wave by filter", () => {
  const size = { filter: { tags: ["brave"] } };
  const brave = (index: number) => ({ tags: index % 5 === 0 ? ["brave"] : [] });

  it("takes the devices that match, and one of every board that has none", () => {
    const devices = ["puckjs", "esp32"].flatMap((board) =>
      Array.from({ length: 10 }, (_, index) =>
        factsFor(index + 1, board, board === "puckjs" ? brave(index) : {}),
      ),
    );
    const policy = parsePolicy(
      policyJson({ waves: [{ ...canary, size }, all], holdBackShare: 0.5 }),
    );
    const { assigned, holdBack } = assignWaves(policy, devices, 0);
    const first = devices.filter(({ serial }) => assigned[serial] === 0);
    expect(first.filter(({ tags }) => tags.length > 0)).toHaveLength(2);
    expect(first.filter(({ board }) => board === "esp32")).toHaveLength(1);
    expect(first).toHaveLength(3);
    expect(first.some(({ serial }) => holdBack.includes(serial))).toBe(false);
  });

  it("may name sites, and a newcomer that matches a later one waits for it", () => {
    const waves = [
      canary,
      { ...canary, name: "shops", size: { filter: { sites: ["shop-1"] } } },
      all,
    ];
    const fleet = fleetOf(20, { waves: waves.map((wave) => ({ ...wave, soakMs: dayMs })) });
    fleet.start();
    const facts = factsFor(99, "linux", { site: "shop-1", lastSeenMs: fleet.nowMs });
    fleet.devices.push({ ...fleet.devices[0]!, facts, behaviour: "good" });
    fleet.step();
    expect(fleet.record.assigned[facts.serial]).toBe(1);
  });
});

describe("a target", () => {
  it("by site holds the devices of these sites", () => {
    const fleet = fleetOf(20, { target: { sites: ["a"] } }, (index) => ({
      site: index < 12 ? "a" : null,
    }));
    fleet.start();
    expect(Object.keys(fleet.record.assigned)).toHaveLength(12);
  });
});

describe("a canary", () => {
  const most = { ...canary, size: { count: 15 } };
  it("that takes most of the fleet is refused", () => {
    const fleet = fleetOf(20, { waves: [most, all] });
    expect(() => fleet.start()).toThrow(/at most 10 of 20 devices in the canary wave, got 15/);
  });
  it("may be left out with a reason, which is logged with its person", () => {
    const reason = "all twenty stand in our own lab";
    const fleet = fleetOf(20, { waves: [all], withoutCanary: reason });
    fleet.start();
    expect(fleet.record.status).toBe("running");
    expect(fleet.events.find(({ kind }) => kind === "canaryOverridden")).toMatchObject({
      text: `Rollout "Release 7" goes without a canary wave, ada: ${reason}`,
      data: { reason },
    });
  });
});

describe("a pace", () => {
  it("is never exceeded in any minute, and everybody gets the release", () => {
    const fleet = fleetOf(60, { pacePerMinute: 0.5 });
    fleet.start();
    let before = offersAt(fleet);
    expect(before).toBe(1);
    for (let minute = 0; minute < 500 && fleet.record.status === "running"; minute++) {
      fleet.run(10 * minuteMs);
      // 0.5 a minute is one in two minutes; a step comes every ten.
      expect(offersAt(fleet) - before).toBeLessThanOrEqual(1);
      before = offersAt(fleet);
    }
    expect([fleet.record.status, fleet.running(newSequence)]).toEqual(["done", 60]);
  });
  it("lets so many go in one step, those that are awake first", () => {
    const fleet = fleetOf(30, { pacePerMinute: 4 }, (index) =>
      index < 15 ? {} : { nextCheckInS: 3600 },
    );
    for (const { facts } of fleet.devices.slice(15)) facts.lastSeenMs = 0;
    fleet.start();
    fleet.run(hourMs, () => fleet.record.wave === 1);
    const before = offersAt(fleet);
    expect(before).toBeLessThanOrEqual(5);
    const awake = fleet.effectsOf("offer").map(({ serial }) => fleet.find(serial).facts.lastSeenMs);
    expect(awake).not.toContain(0);
    const waiting = fleet.devices.find(({ facts }) => !fleet.offeredTo.has(facts.serial))!;
    const next = nextFor(waiting.facts, [fleet.record], [fleet.release], fleet.nowMs);
    expect(next).toMatchObject({ code: "awaitsTurn", offer: null });
    expect(next.reason).toMatch(/waits for its turn: at most 4 offers per minute/);
  });
});

describe("windows", () => {
  const night = { open: [{ from: "22:00", to: "05:00" }] };
  const zones = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", null];

  it("let an update begin only in the device's own night", () => {
    const fleet = fleetOf(40, { windows: { ...night, zone: "+03:00" } }, (index) => ({
      timeZone: zones[index % 4]!,
    }));
    fleet.start();
    const began = new Map<string, number>();
    fleet.run(4 * dayMs, () => {
      for (const { facts, pending } of fleet.devices) {
        if (pending && !began.has(facts.serial)) began.set(facts.serial, fleet.nowMs);
      }
      return fleet.record.status !== "running";
    });
    expect([fleet.record.status, began.size]).toEqual(["done", 40]);
    for (const [serial, atMs] of began) {
      const zone = fleet.find(serial).facts.timeZone ?? "+03:00";
      const { minute } = localTime(zone, atMs);
      expect([serial, minute < 300 || minute >= 1320]).toEqual([serial, true]);
    }
  });

  it("are told with the next opening, and what began inside goes on", () => {
    const fleet = fleetOf(
      20,
      { windows: { ...night, siteZones: { tokyo: "Asia/Tokyo" } } },
      () => ({
        site: "tokyo",
      }),
    );
    // 1970-01-11 00:00 UTC is 09:00 in Tokyo.
    fleet.start();
    expect(offersAt(fleet)).toBe(0);
    const facts = fleet.devices.find(
      ({ facts: one }) => fleet.record.assigned[one.serial] === 0,
    )!.facts;
    const ask = (changes = {}) =>
      nextFor({ ...facts, ...changes }, [fleet.record], [fleet.release], fleet.nowMs);
    expect(ask()).toMatchObject({ code: "outsideWindow", offer: null });
    expect(ask().reason).toContain("(Asia/Tokyo); the next opens 1970-01-11T13:00:00Z");
    fleet.run(14 * hourMs);
    expect(offersAt(fleet)).toBeGreaterThan(0);
    const told = fleet.effectsOf("offer")[0]!.serial;
    const download = { sequence: newSequence, bytesDone: 512, sizeBytes: 8192 };
    const old = { ...factsFor(1, "linux"), site: "tokyo", serial: told };
    const noonMs = fleet.nowMs + 14 * hourMs;
    const entry = { ...fleet.record.progress![told]!, deliveredMs: null, confirmedMs: null };
    const progress = { ...fleet.record.progress, [told]: entry };
    const record = { ...fleet.record, status: "running" as const, progress };
    const at = (one: DeviceFacts) =>
      nextFor({ ...one, lastSeenMs: noonMs }, [record], [fleet.release], noonMs).code;
    expect([at(old), at({ ...old, download })]).toEqual(["outsideWindow", "offered"]);
  });

  it("that a device never meets do not keep the rollout open", () => {
    const policy = {
      windows: { ...night, waitMs: 2 * dayMs },
      waves: [{ ...canary, size: { count: 3 } }, all],
    };
    const fleet = fleetOf(20, policy, (index) =>
      // Checks in once a day, at its noon.
      index === 7 ? { nextCheckInS: 86_400 } : {},
    );
    fleet.devices[7]!.facts.lastSeenMs = fleet.nowMs - dayMs / 2;
    fleet.start();
    fleet.run(14 * dayMs, () => fleet.record.status !== "running");
    expect([fleet.record.status, fleet.running(newSequence)]).toEqual(["done", 19]);
    expect(fleet.record.verdicts.at(-1)!.reason).toContain("1 not met in any window (LI-0008)");
  });

  test.each<[string, string, number, boolean]>([
    ["in the evening", "2027-06-01T20:00:00Z", 0, true],
    ["at its end", "2027-06-01T03:00:00Z", 0, false],
    ["on a day before an allowed one, after midnight", "2027-06-01T00:00:00Z", 0, true],
    ["at noon", "2027-06-01T10:00:00Z", 0, false],
  ])("are open or shut %s of Berlin's summer", (_title, text, _zero, isOpen) => {
    const policy = parsePolicy(policyJson({ windows: { ...night, zone: "Europe/Berlin" } }));
    expect(isOpenFor(policy, factsFor(1, "linux"), Date.parse(text))).toBe(isOpen);
  });

  it("begin on their days only, and last over midnight", () => {
    const windows = { open: [{ days: ["fri"], from: "22:00", to: "05:00" }] };
    const policy = parsePolicy(policyJson({ windows }));
    const device = factsFor(1, "linux");
    // 2027-06-04 is a Friday.
    const open = (text: string) => isOpenFor(policy, device, Date.parse(text));
    expect(["2027-06-03T23:00Z", "2027-06-04T21:59Z", "2027-06-04T22:00Z"].map(open)).toEqual([
      false,
      false,
      true,
    ]);
    expect(["2027-06-05T04:59Z", "2027-06-05T05:00Z", "2027-06-05T22:00Z"].map(open)).toEqual([
      true,
      false,
      false,
    ]);
    const at = nextOpening(policy, device, Date.parse("2027-06-05T06:07:08Z"));
    expect(new Date(at!).toISOString()).toBe("2027-06-11T22:00:00.000Z");
  });

  it("follow a change of clocks", () => {
    expect(localTime("Europe/Berlin", Date.parse("2027-03-28T00:59Z")).minute).toBe(119);
    expect(localTime("Europe/Berlin", Date.parse("2027-03-28T01:00Z")).minute).toBe(180);
    expect(localTime("+05:30", Date.parse("2027-01-01T20:00Z"))).toEqual({ day: 5, minute: 90 });
    expect(localTime("-03:30", Date.parse("2027-01-01T01:00Z"))).toEqual({ day: 3, minute: 1290 });
    expect(["UTC", "+14:00", "+15:00", "Europe/Nowhere", ""].map(isZone)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});

describe("a budget", () => {
  const bySite = { budgets: [{ by: "site", atOnce: 2 }] };
  const sites = (index: number) => ({ site: `shop-${index % 4}` });

  it("keeps at most so many devices of a site in an update at once, and all get it", () => {
    const fleet = fleetOf(60, bySite, sites);
    fleet.start();
    fleet.run(20 * dayMs, () => {
      const bySiteNow = new Map<string, number>();
      for (const { facts } of inUpdate(fleet)) {
        bySiteNow.set(facts.site!, (bySiteNow.get(facts.site!) ?? 0) + 1);
      }
      expect(Math.max(0, ...bySiteNow.values())).toBeLessThanOrEqual(2);
      return fleet.record.status !== "running";
    });
    expect([fleet.record.status, fleet.running(newSequence)]).toEqual(["done", 60]);
  });

  it("gives the place of a device that fell asleep to the next one", () => {
    // The first to be offered in each shop never comes; its slot must not stall the shop.
    const waves = [{ ...canary, size: { count: 8 } }, all];
    const policy = { waves, budgets: [{ by: "site", atOnce: 1 }], silentMs: 2 * hourMs };
    const fleet = fleetOf(40, policy, sites, (index) => (index % 10 < 3 ? "asleep" : "good"));
    fleet.start();
    fleet.run(10 * dayMs, () => fleet.record.status !== "running");
    expect([fleet.record.status, fleet.running(newSequence)]).toEqual(["done", 28]);
    // Once it is done, the sleepers have their offer waiting.
    for (const { facts } of fleet.devices) {
      if (facts.runningSequence === newSequence) continue;
      expect(nextFor(facts, [fleet.record], [fleet.release], fleet.nowMs).offer).toBe(newSequence);
    }
  });

  it("by tag counts only tags of its prefix, and says what a device waits for", () => {
    const policy = { budgets: [{ by: "tag", prefix: "line-", atOnce: 1 }] };
    const fleet = fleetOf(30, policy, (index) => ({ tags: [`line-${index % 2}`, "common"] }));
    fleet.start();
    fleet.run(2 * hourMs, () => fleet.record.wave === 1);
    expect(inUpdate(fleet).length).toBeLessThanOrEqual(2);
    const waiting = fleet.devices.find(({ facts }) => !fleet.offeredTo.has(facts.serial))!.facts;
    const next = nextFor(waiting, [fleet.record], [fleet.release], fleet.nowMs);
    expect(next.reason).toContain(`at most 1 device of tag ${waiting.tags[0]} at once`);
  });
});

describe("a sample", () => {
  const waves = [{ ...canary, size: { count: 12 }, soakMs: 12 * hourMs }, all];

  it("that is too small is not judged while others are on their way", () => {
    const thresholds = { reverted: 0.05, failed: 0.05, sampleMin: 8 };
    const early = fleetOf(40, { waves, thresholds: { ...thresholds, sampleMin: 1 } });
    const late = fleetOf(40, { waves, thresholds });
    for (const fleet of [early, late]) {
      fleet.start();
      // One of twelve fails before anybody else has answered.
      const serial = Object.entries(fleet.record.assigned).find(([, wave]) => wave === 0)![0];
      const device = fleet.find(serial);
      device.behaviour = "crash";
      for (const other of fleet.devices) {
        if (other !== device) other.facts.nextCheckInS = 7200;
      }
      fleet.run(hourMs, () => fleet.record.status !== "running");
    }
    expect(early.record.haltReason).toContain("1 of 12 devices reverted");
    expect(late.record.status).toBe("running");
    late.run(6 * hourMs, () => late.record.status !== "running");
    expect(late.record.haltReason).toContain("1 of 12 devices reverted");
  });

  it("of all that came is judged, however small", () => {
    const fleet = fleetOf(40, { waves, thresholds: { sampleMin: 100 } }, undefined, () => "crash");
    fleet.start();
    fleet.run(dayMs, () => fleet.record.status !== "running");
    expect([fleet.record.status, fleet.record.wave]).toEqual(["halted", 0]);
  });

  it("of confirmations is waited for, sleepers included, as far as the wave has them", () => {
    const size = { count: 4 };
    const asked = [{ ...canary, size, confirmShare: 0.1, confirmMin: 3 }, all];
    const fleet = fleetOf(40, { waves: asked });
    fleet.start();
    const own = fleet.devices.filter(({ facts }) => fleet.record.assigned[facts.serial] === 0);
    for (const device of own.slice(0, 2)) device.behaviour = "asleep";
    fleet.run(6 * dayMs);
    expect(fleet.record.wave).toBe(0);
    own[0]!.behaviour = "good";
    fleet.run(dayMs);
    expect(fleet.record.status).toBe("done");
  });
});

test("a deadline counts from the start", () => {
  const fleet = fleetOf(20, { deadlineAfterMs: dayMs }, undefined, () => "stall");
  fleet.start();
  expect(fleet.record.policy.deadlineMs).toBe(fleet.nowMs + dayMs);
});
