import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseAlertSettings } from "../../../cloud-agent/core/alerts/settings.ts";
import {
  createOutputs,
  outputsAbout,
  readAlertSettings,
} from "../../../cloud-agent/platform/alertSettings.ts";

const hook = {
  kind: "webhook",
  name: "ops",
  url: "https://ops.example.org/",
  secret: "s".repeat(16),
};
const mail = {
  ...{ kind: "email", name: "mail", host: "mail.example.org", port: 587 },
  ...{ from: "f@example.org", to: ["a@example.org"] },
};

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "fleetling-alerts-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

describe("alert settings", () => {
  it("that are left out have every rule on and tell the log", () => {
    const { rules, outputs } = readAlertSettings(undefined);
    expect(Object.values(rules).every(({ isOn }) => isOn)).toBe(true);
    expect(outputs).toEqual([{ kind: "log", name: "log" }]);
    expect(rules.offline).toEqual({
      ...{ isOn: true, holdMs: 300_000, clearMs: 60_000, severity: "warning" },
    });
  });
  it("change what they name and leave the rest", () => {
    const { rules } = parseAlertSettings({
      rules: { offline: { holdS: 0, severity: "critical" } },
    });
    expect(rules.offline).toMatchObject({ holdMs: 0, clearMs: 60_000, severity: "critical" });
  });
  it("let each output say what it is about; a severity leaves alerts alone", () => {
    const outputs = [
      hook,
      { ...hook, name: "bills", about: ["billing"] },
      { ...hook, name: "pager", severity: "critical" },
      { ...hook, name: "both", severity: "critical", about: ["alerts", "billing"] },
    ];
    const settings = parseAlertSettings({ outputs });
    expect(outputsAbout(settings, "alerts")).toEqual(["ops", "pager", "both"]);
    expect(outputsAbout(settings, "billing")).toEqual(["ops", "bills", "both"]);
    expect(outputsAbout(settings, "reconciliation")).toEqual(["ops"]);
  });
  it.each<[string, unknown, string]>([
    ["an unknown topic", { outputs: [{ ...hook, about: ["bills"] }] }, "about"],
    ["an output about nothing", { outputs: [{ ...hook, about: [] }] }, "about"],
    ["an unknown rule", { rules: { offlien: {} } }, "offlien"],
    ["an unknown field", { rules: { offline: { hold: 5 } } }, "hold"],
    ["an unknown threshold", { thresholds: { batterRatio: 2 } }, "batterRatio"],
    ["a negative time", { rules: { offline: { holdS: -1 } } }, "rules.offline.holdS"],
    [
      "an output without a secret",
      { outputs: [{ ...hook, secret: undefined }] },
      "output ops: expected 1 of secret or secretFile, found 0",
    ],
    ["an output with two secrets", { outputs: [{ ...hook, secretFile: "x" }] }, "found 2"],
    ["a short secret", { outputs: [{ ...hook, secret: "short" }] }, "secret"],
    ["another scheme", { outputs: [{ ...hook, url: "file:///etc/passwd" }] }, "url"],
    ["one name for two outputs", { outputs: [hook, hook] }, "found ops twice"],
    [
      "a user without a password",
      { outputs: [{ ...mail, user: "f" }] },
      "output mail: expected 1 of password",
    ],
    [
      "a password without a user",
      { outputs: [{ ...mail, password: "p" }] },
      "expected 0 of password",
    ],
    ["mail to nobody", { outputs: [{ ...mail, to: [] }] }, "to"],
  ])("with %s are refused by name", (_, input, words) => {
    expect(() => parseAlertSettings(input)).toThrow(
      expect.objectContaining({
        name: "AlertSettingsInvalid",
        message: expect.stringContaining(words),
      }),
    );
  });
  it("take secrets from files, and say which one cannot be read", () => {
    const quiet = () => undefined;
    const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
    const edges = { clock: { nowMs: () => 0 }, log };
    const secretFile = join(dir, "secret");
    const { secret: _, ...open } = hook;
    const { outputs } = parseAlertSettings({ outputs: [{ ...open, secretFile }] });
    expect(() => createOutputs(outputs, edges)).toThrow(/output ops: expected a secret in/);
    writeFileSync(secretFile, " \n");
    expect(() => createOutputs(outputs, edges)).toThrow(/an empty file/);
    writeFileSync(secretFile, "a-secret-of-this-output\n");
    expect(createOutputs(outputs, edges).map(({ name }) => name)).toEqual(["ops"]);
  });
  it("in a file that is no JSON are refused by its name", () => {
    const path = join(dir, "alerts.json");
    writeFileSync(path, "{");
    expect(() => readAlertSettings(path)).toThrow(/alerts\.json: expected a JSON file/);
  });
});
