import { describe, expect, test } from "vitest";
import { parsePolicy, validatePolicy } from "../../../cloud-agent/core/rollout/policy.ts";
import { hourMs, policyJson, releaseOf } from "./fleet.ts";

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
      onHalt: "revert",
      deadlineMs: null,
      author: "ada",
      approver: null,
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
