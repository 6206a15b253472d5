/** Presence in virtual time: the promise of each device, exact to one of its pauses, over stops and jumps of the clock. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gapsMax } from "../../../cloud-agent/core/presence/limits.ts";
import {
  keepListening,
  prudentNowMs,
  resumeListening,
} from "../../../cloud-agent/core/presence/listening.ts";
import {
  isWatched,
  judge,
  judgeAtMs,
  latenessOf,
  presenceOf,
} from "../../../cloud-agent/core/presence/presence.ts";
import { deviceRecord } from "../fixtures.ts";
import { World } from "./world.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const kinds = (world: World) => world.events.map(({ kind }) => kind);

describe("a device that does not come", () => {
  it.each([
    [60, 120],
    [300, 510],
    [3600, 5460],
    [86_400, 129_660],
  ])("with a pause of %i s is offline %i s after its last contact, and once", (pauseS, offS) => {
    const world = new World(pauseS);
    world.comes();
    world.pass(offS * 1000 - 1000);
    expect(world.events).toEqual([]);
    world.pass(1000);
    expect(world.events).toEqual([{ kind: "deviceWentOffline", atMs: offS * 1000 }]);
    expect(offS).toBeLessThanOrEqual(2 * pauseS);
    world.pass(2 * offS * 1000);
    expect(world.events).toHaveLength(1);
  });
  it("is back with its first contact, and the time of its silence is told", () => {
    const world = new World(60);
    world.comes();
    world.pass(hour);
    world.comes();
    expect(kinds(world)).toEqual(["deviceWentOffline", "deviceCameBack"]);
    expect(world.device.presence).toMatchObject({ isOffline: false, sinceMs: world.wallMs });
  });
  it("is late between its promise and that time", () => {
    const world = new World(60);
    world.comes();
    const states = [65, 67, 120].map((atS) => {
      world.pass(atS * 1000 - world.nowMs);
      return presenceOf(world.device, world.steadyMs).state;
    });
    expect(states).toEqual(["online", "late", "offline"]);
  });
  it("is given the longer pause that the last answer asked for", () => {
    const world = new World(60);
    world.device = { ...world.device, checkInS: 600 };
    world.comes();
    world.pass(950 * 1000);
    expect(world.events).toEqual([]);
    world.pass(20 * 1000);
    expect(kinds(world)).toEqual(["deviceWentOffline"]);
  });
  it("is watched from the first turn, also when it was claimed and never came", () => {
    const world = new World(60);
    expect(judgeAtMs(world.device)).toBe(0);
    world.pass(64 * 32 * 1100 + 10_000);
    expect(world.events).toEqual([]);
    world.pass(2000);
    expect(kinds(world)).toEqual(["deviceWentOffline"]);
  });
  it.each([0, 1, 2, 4, 5, 6])("is nobody's concern in lifecycle %i", (lifecycle) => {
    const device = deviceRecord("SN-1", { lifecycle });
    expect([isWatched(device), judgeAtMs(device)]).toEqual([false, null]);
    expect(presenceOf(device, 0).state).toBe("unwatched");
    const away = { ...device, presence: { ...presenceFor(0), dueMs: 1 } };
    expect(judge(away, [], { steadyMs: 9, wallMs: 9 })).toEqual({ device: away, event: null });
  });
});

const presenceFor = (heardMs: number) => ({
  ...{ heardMs, promisedMs: 60_000, dueMs: heardMs + 120_000, isOffline: false, sinceMs: 0 },
});

describe("a clock that jumps", () => {
  it.each([hour, day, 400 * day])("%i ms ahead marks no device that comes", (jumpMs) => {
    const world = new World(60);
    world.comes();
    world.pass(30_000);
    world.wallAheadMs += jumpMs;
    world.pass(35_000);
    world.comes();
    world.pass(65_000);
    expect(world.events).toEqual([]);
  });
  it("ahead does not hide a device that is gone for longer than one more pause", () => {
    const world = new World(60);
    world.comes();
    world.pass(70_000);
    world.wallAheadMs += day;
    world.pass(120_000);
    expect(kinds(world)).toEqual([]);
    world.pass(1000);
    expect(kinds(world)).toEqual(["deviceWentOffline"]);
  });
  it.each([hour, 400 * day])("%i ms back delays nothing", (jumpMs) => {
    const world = new World(60);
    world.comes();
    world.pass(30_000);
    world.wallAheadMs -= jumpMs;
    world.pass(90_000);
    expect(world.events).toEqual([{ kind: "deviceWentOffline", atMs: 120_000 }]);
  });
  it("while the agent is stopped marks nobody; ahead, it looks like a longer stop", () => {
    for (const [jumpMs, delayMs] of [
      [-day, 120_000],
      [day, 64 * 32 * 1100 + 10_000],
    ]) {
      const world = new World(60);
      world.comes();
      world.pass(30_000);
      world.stop();
      world.wallAheadMs += jumpMs!;
      world.nowMs += 60_000;
      world.start();
      world.turn();
      expect(world.events).toEqual([]);
      world.pass(delayMs! + 1000);
      expect(kinds(world)).toEqual(["deviceWentOffline"]);
    }
  });
});

describe("an agent that was stopped", () => {
  it("holds against no device what it could not say, and gives it one more pause", () => {
    const world = new World(3600);
    world.comes();
    world.pass(50 * minute);
    world.stop();
    world.nowMs += 8 * hour;
    world.start();
    const upMs = world.nowMs;
    world.pass(59 * minute);
    expect(world.events).toEqual([]);
    world.pass(2 * hour);
    expect(world.events).toEqual([{ kind: "deviceWentOffline", atMs: upMs + 5460_000 }]);
  });
  it("waits for a device as long as its repeats may have grown while nobody answered", () => {
    for (const [stopMs, waitS] of [
      [20_000, 120],
      [10 * minute, (599 + 8) * 1.1 + 10],
      [30 * day, 64 * 32 * 1.1 + 10],
      [31 * day, 18 * 3600 * 1.1 + 10],
    ]) {
      const world = new World(60);
      world.comes();
      world.pass(59_000);
      world.stop();
      world.nowMs += stopMs!;
      world.start();
      const upMs = world.nowMs;
      world.pass(Math.ceil(waitS!) * 1000 - 1000);
      expect(world.events).toEqual([]);
      world.pass(2000);
      expect(kinds(world)).toEqual(["deviceWentOffline"]);
      expect(world.events[0]!.atMs - upMs).toBe(Math.ceil(waitS!) * 1000);
    }
  });
  it("delays no device whose promise was for later", () => {
    const world = new World(3600);
    world.comes();
    world.pass(10 * minute);
    world.stop();
    world.nowMs += 5 * minute;
    world.start();
    world.pass(3 * hour);
    expect(world.events).toEqual([{ kind: "deviceWentOffline", atMs: 5460_000 }]);
  });
  it("tells of a device once that was offline before and is after", () => {
    const world = new World(60);
    world.comes();
    world.pass(10 * minute);
    for (let restart = 0; restart < 3; restart++) {
      world.stop();
      world.nowMs += minute;
      world.start();
      world.pass(10 * minute);
    }
    expect(kinds(world)).toEqual(["deviceWentOffline"]);
  });
  it("notes a host that slept, and a clock that jumped, as gaps", () => {
    const before = resumeListening(null, 1000);
    const even = keepListening(before, { steadyMs: 1000 + hour, wallMs: 1000 + hour });
    const stood = keepListening(before, { steadyMs: 2000, wallMs: 1000 + hour });
    expect(even.gaps).toEqual([{ fromMs: 1000, untilMs: 1000 + hour, jumpMs: 0 }]);
    expect(stood.gaps).toEqual([{ fromMs: 1000, untilMs: 2000, jumpMs: hour - 1000 }]);
  });
  it("keeps a bounded number of gaps, and no span they covered is forgotten", () => {
    let listening = resumeListening(null, 0);
    for (let n = 1; n <= 3 * gapsMax; n++) {
      const later = { steadyMs: listening.steadyMs + 1000, wallMs: listening.wallMs + 1000 };
      listening = keepListening(listening, later);
      listening = resumeListening(listening, listening.wallMs + minute);
    }
    expect(listening.gaps).toHaveLength(gapsMax);
    expect(listening.gaps[0]!.fromMs).toBe(1000);
    expect(listening.gaps.at(-1)!.untilMs).toBe(listening.steadyMs);
  });
});

describe("the clock of those who delete", () => {
  it("does not follow a jump ahead for a day, then it does", () => {
    let listening = resumeListening(null, 0);
    listening = keepListening(listening, { steadyMs: 1000, wallMs: 1000 + 400 * day });
    expect(prudentNowMs(listening)).toBe(1000);
    for (let ms = minute; ms <= day + minute; ms += 10_000) {
      const now = { steadyMs: 1000 + ms, wallMs: 400 * day + ms };
      listening = keepListening(listening, now);
    }
    expect(prudentNowMs(listening)).toBe(listening.wallMs);
  });
});

describe("whatever stops and jumps there are", () => {
  it("a device that comes is never offline, and one that stops coming is found within its pause", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("run" as const), s: fc.integer({ min: 1, max: 4000 }) }),
      fc.record({ kind: fc.constant("stop" as const), s: fc.integer({ min: 1, max: 9000 }) }),
      fc.record({
        kind: fc.constant("jump" as const),
        s: fc.integer({ min: -90_000, max: 90_000 }),
      }),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(60, 300, 900, 3600),
        fc.array(step, { maxLength: 12 }),
        (pauseS, steps) => {
          const world = new World(pauseS);
          let nextMs = 0;
          let repeat = 0;
          const live = (ms: number) => {
            for (const endMs = world.nowMs + ms; world.nowMs < endMs; ) {
              world.pass(1000);
              if (world.nowMs < nextMs) continue;
              repeat = world.comes() ? 0 : Math.min(repeat + 1, 6);
              // As the core does: unanswered, it tries again after 8 s, doubled up to 256 s, a tenth later.
              const waitMs = repeat === 0 ? pauseS * 1000 : 8000 * 2 ** (repeat - 1);
              nextMs = world.nowMs + waitMs * (1 + ((world.nowMs / 1000) % 10) / 100);
            }
          };
          for (const { kind, s } of steps) {
            if (kind === "jump") world.wallAheadMs += s * 1000;
            if (kind === "run") live(s * 1000);
            if (kind === "stop") {
              world.stop();
              live(s * 1000);
              world.start();
            }
          }
          live((2 * pauseS + 700) * 1000);
          expect(world.events).toEqual([]);
          const goneMs = world.device.presence!.heardMs;
          world.pass(pauseS * 1000 + latenessOf(pauseS * 1000) - (world.steadyMs - goneMs) + 1000);
          expect(kinds(world)).toEqual(["deviceWentOffline"]);
        },
      ),
      { numRuns: 60, seed: 11 },
    );
  }, 60_000);
});
