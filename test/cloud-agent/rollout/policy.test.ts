import { describe, expect, test } from "vitest";
import { parsePolicy, validatePolicy } from "../../../cloud-agent/core/rollout/policy.ts";
import { hourMs, policyJson, releaseOf } from "./fleet.ts";

const night = { from: "22:00", to: "05:00" };
const all = { name: "all", size: { percent: 100 }, soakMs: 0 };

describe("a policy", () => {
  test("states every default", () => {
    const { name, sequence, target, waves, author } = policyJson();
    const policy = parsePolicy({ name, sequence, target, waves, author });
    expect(policy).toEqual({
      name: "Release 7",
      sequence: 7,
      target: { models: ["sensor-1"] },
      waves: (waves as object[]).map((wave) => ({ ...wave, confirmShare: 1 })),
      holdBackShare: 0.1,
      thresholds: {
        failed: 0,
        reverted: 0,
        rejected: 0,
        timedOut: 0,
        sampleMin: 1,
        batterySlopeRatio: 1.5,
        slopeSamplesMin: 6,
        memoryPermillePerDay: 20,
        crashesPerDay: 0.25,
        checkInFailedShare: 0.1,
        silentShare: 0.1,
        metrics: {},
      },
      verdict: { falseAlarm: 0.02, devicesMin: 0, waitMs: 72 * hourMs, onTooFew: "hold" },
      deviceTimeoutMs: 24 * hourMs,
      silentMs: 72 * hourMs,
      pacePerMinute: null,
      windows: null,
      budgets: [],
      passThrough: [],
      mode: "soft",
      notNowMaxMs: 14 * 24 * hourMs,
      retries: {
        transfer: { times: 3, backoffMs: hourMs },
        device: { times: 1, backoffMs: 6 * hourMs },
      },
      penaltyBox: { failures: 3, withinMs: 7 * 24 * hourMs, forMs: 24 * hourMs },
      onHalt: "revert",
      revertTo: null,
      deadlineMs: null,
      deadlineAfterMs: null,
      author: "ada",
      approver: null,
      approvals: 0,
      emergency: null,
    });
  });

  test.each<[string, Record<string, unknown>, RegExp]>([
    ["an unknown key", { onHallt: "keep" }, /onHallt: unknown key; did you mean "onHalt"\?/],
    [
      "an unknown threshold",
      { thresholds: { revertd: 0 } },
      /thresholds\.revertd: .* "reverted"\?/,
    ],
    ["an unknown key of the verdict", { verdict: { waitMS: 1 } }, /verdict\.waitMS: .* "waitMs"\?/],
    ["a certain false alarm", { verdict: { falseAlarm: 1 } }, /verdict\.falseAlarm/],
    [
      "a metric without a direction",
      { thresholds: { metrics: { light: { by: 2 } } } },
      /thresholds\.metrics\.light\.worse/,
    ],
    [
      "an unknown wave key",
      { waves: [{ ...all, soakMS: 1 }] },
      /waves\[0\]\.soakMS: .* "soakMs"\?/,
    ],
    ["two sizes", { waves: [{ ...all, size: { count: 1, percent: 2 } }, all] }, /exactly one of/],
    ["no target", { target: {} }, /target: expected at least one of models/],
    ["a share above one half", { holdBackShare: 0.6 }, /holdBackShare/],
    ["a negative soak", { waves: [{ ...all, soakMs: -1 }] }, /waves\[0\]\.soakMs/],
    ["no wave for all", { waves: [{ ...all, size: { percent: 50 } }] }, /the last wave takes all/],
    ["no canary", { waves: [all] }, /expected a canary wave/],
    ["a filter of nothing", { waves: [{ ...all, size: { filter: {} } }, all] }, /at least one of/],
    [
      "a misspelt filter",
      { waves: [{ ...all, size: { filter: { tag: ["x"] } } }, all] },
      /waves\[0\]\.size\.filter\.tag: .* "tags"\?/,
    ],
    ["a zone nowhere", { windows: { zone: "Mars/Base", open: [night] } }, /windows\.zone: .*zone/],
    ["a time of day that is none", { windows: { open: [{ ...night, to: "24:00" }] } }, /22:00/],
    [
      "a window nobody meets",
      { windows: { open: [{ from: "22:00", to: "22:10" }] } },
      /windows\.open\[0\]: expected at least 30 minutes, got 10/,
    ],
    ["a budget of none", { budgets: [{ by: "site", atOnce: 0 }] }, /budgets\[0\]\.atOnce/],
    ["a lane without soak", { emergency: { soakMs: 1000 } }, /emergency\.soakMs/],
    ["a try too many", { retries: { transfer: { times: 11 } } }, /retries\.transfer\.times/],
    ["a class of tries nobody knows", { retries: { transferr: {} } }, /"transfer"\?/],
    ["a pace of none", { pacePerMinute: 0 }, /pacePerMinute/],
    [
      "shrinking waves",
      { waves: [{ ...all, size: { percent: 20 } }, { ...all, size: { percent: 10 } }, all] },
      /waves\[1\]\.size\.percent: expected at least 20/,
    ],
    ["an approver who is the author", { approver: "Ada " }, /expected another approver/],
  ])("is refused for %s", (_title, changes, message) => {
    expect(() => parsePolicy(policyJson(changes))).toThrow(message);
  });

  test("may go without a canary for a handful of named devices", () => {
    const target = { serials: ["PK-0001"] };
    expect(parsePolicy(policyJson({ waves: [all], target })).waves).toHaveLength(1);
  });

  test("is checked against its release and the time", () => {
    const policy = parsePolicy(policyJson({ target: { boards: ["puckjs", "esp8266"] } }));
    expect(() => validatePolicy(policy, releaseOf(8), 0)).toThrow(/expected release 7, got 8/);
    expect(() => validatePolicy(policy, releaseOf(), 0)).toThrow(/no image for esp8266/);
    const late = { ...policy, target: {}, deadlineMs: 5 };
    expect(() => validatePolicy(late, releaseOf(), 5)).toThrow(/expected a time to come/);
  });
});
