/** Policies as people keep them: YAML in git, every mistake with its place. */
import { readFileSync } from "node:fs";
import { describe, expect, it, test } from "vitest";
import { durationText, readDuration } from "../../../cloud-agent/core/rollout/policy/duration.ts";
import { readPolicyFile } from "../../../cloud-agent/core/rollout/policy/file.ts";
import { policyFileSchema } from "../../../cloud-agent/core/rollout/policy/fileSchema.ts";
import { parsePolicy } from "../../../cloud-agent/core/rollout/policy.ts";
import { hourMs } from "./fleet.ts";

const folder = new URL("../../../cloud-agent/", import.meta.url).pathname;
const good = `name: all sensors
target:
  models: [sensor-1]
waves:
  - name: canary
    size: { count: 10 }
    soak: 48h
  - name: all
    size:
      percent: 100
    soak: 1d12h
`;

/** @returns the lines of the refusal */
function refusal(text: string): string[] {
  try {
    readPolicyFile(text, "p.yaml");
  } catch (error) {
    expect(error).toMatchObject({ name: "PolicyFileInvalid", code: 670 });
    return (error as Error).message.split("\n");
  }
  return [];
}

describe("a policy file", () => {
  it("is the policy of the API, with units on its durations", () => {
    const policy = readPolicyFile(
      `${good}deviceTimeout: 30m\ndeadline: 2033-01-02T03:04:05Z\n`,
      "p",
    );
    expect(policy).toEqual({
      name: "all sensors",
      target: { models: ["sensor-1"] },
      waves: [
        { name: "canary", size: { count: 10 }, soakMs: 48 * hourMs },
        { name: "all", size: { percent: 100 }, soakMs: 36 * hourMs },
      ],
      deviceTimeoutMs: hourMs / 2,
      deadlineMs: Date.UTC(2033, 0, 2, 3, 4, 5),
    });
    const parsed = parsePolicy({ ...policy, sequence: 7, author: "ada" });
    expect(parsed.holdBackShare).toBe(0.1);
  });

  test.each<[string, string, string[]]>([
    [
      "a key with a letter too many",
      good.replace("soak: 48h", "soaks: 48h"),
      ['p.yaml:7:5: soaks: unknown key; did you mean "soak"?'],
    ],
    [
      "the API's name of a duration",
      good.replace("soak: 48h", "soakMs: 48h"),
      ['p.yaml:7:5: soakMs: unknown key; did you mean "soak"?'],
    ],
    [
      "a key like no other",
      `${good}colour: red\n`,
      [expect.stringMatching(/^p\.yaml:12:1: colour: unknown key; known: name, target, waves/)],
    ],
    [
      "a duration without a unit",
      good.replace("48h", "48"),
      ["p.yaml:7:11: soak: expected a duration with its unit, like 48h or 30m, got 48"],
    ],
    [
      "a time without its offset",
      `${good}deadline: "2033-01-02T03:04:05"\n`,
      [
        'p.yaml:12:11: deadline: expected a time like 2026-12-24T18:00:00Z, got "2033-01-02T03:04:05"',
      ],
    ],
    [
      "a release inside the file",
      `${good}sequence: 7\n`,
      [
        "p.yaml:12:1: sequence: not in a policy file; the release is named on the command line, with --release",
      ],
    ],
    [
      "a value out of range, at its key",
      `${good}holdBackShare: 0.9\n`,
      [expect.stringMatching(/^p\.yaml:12:1: holdBackShare: .*<=0\.5/)],
    ],
    [
      "a missing soak, at its wave",
      good.replace("    soak: 48h\n", ""),
      [expect.stringMatching(/^p\.yaml:5:5: waves\[0\]\.soak: /)],
    ],
    [
      "waves that leave devices out",
      good.replace("percent: 100", "percent: 90"),
      [expect.stringMatching(/^p\.yaml:9:5: waves\[1\]\.size: .*the last wave takes all/)],
    ],
    ["a list where a map belongs", good.replace("[sensor-1]", "sensor-1"), [expect.any(String)]],
    [
      "a key given twice",
      `${good}name: again\n`,
      [expect.stringMatching(/^p\.yaml:12:1: .*unique/)],
    ],
    ["broken YAML", "name: [1\n", [expect.stringMatching(/^p\.yaml:\d:\d: /)]],
    ["a reference", `${good}salt: *x\n`, [expect.stringMatching(/^p\.yaml:12:\d+: /)]],
    ["nothing", "# nothing\n", ["p.yaml:1:1: expected a policy, the file is empty"]],
    ["a text", "hello\n", [expect.stringMatching(/^p\.yaml:1:1: policy: expected a map of name/)]],
  ])("is refused for %s, with line and column", (_title, text, lines) => {
    expect(refusal(text)).toEqual(lines);
  });

  it("tells all its mistakes at once, in order", () => {
    const text = good.replace("soak: 48h", "soak: soon").replace("name: all sensors", "nam: x");
    expect(refusal(text).map((line) => line.split(" ")[0])).toEqual([
      "p.yaml:1:1:",
      "p.yaml:7:11:",
    ]);
  });

  it("of the tree is good, and the published schema is the one of the code", () => {
    const example = readFileSync(`${folder}examples/rollout-policy.yaml`, "utf8");
    expect(readPolicyFile(example, "example")).toMatchObject({ name: "Sensors, the careful way" });
    const published = JSON.parse(readFileSync(`${folder}rollout-policy.schema.json`, "utf8"));
    expect(published).toEqual(JSON.parse(JSON.stringify(policyFileSchema())));
    expect(published.additionalProperties).toBe(false);
    expect(published.properties.deviceTimeout.default).toBe("24h");
    expect(Object.keys(published.properties)).not.toContain("sequence");
  });
});

test.each<[string, number | null]>([
  ["48h", 48 * hourMs],
  ["1d12h", 36 * hourMs],
  ["1.5h", 1.5 * hourMs],
  ["250ms", 250],
  ["0s", 0],
  ["48", null],
  ["48 h", null],
  ["-1h", null],
  ["1w", null],
  ["", null],
])("the duration %j is read as %s ms", (text, ms) => {
  expect(readDuration(text)).toBe(ms);
});

test("a duration is written so that it reads back", () => {
  for (const ms of [0, 1, 999, 1000, 90_000, hourMs, 24 * hourMs, 72 * hourMs, 36 * hourMs + 1]) {
    expect(readDuration(durationText(ms))).toBe(ms);
  }
  expect(durationText(24 * hourMs)).toBe("24h");
  expect(durationText(72 * hourMs)).toBe("3d");
});
