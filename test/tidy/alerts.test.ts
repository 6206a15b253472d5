/** The runbook tells every alert, and what to do about it, as the agent does. */
import { describe, expect, it } from "vitest";
import { alertRules } from "../../cloud-agent/core/alerts/rules.ts";
import { parseAlertSettings } from "../../cloud-agent/core/alerts/settings.ts";
import { ruleNames } from "../../cloud-agent/core/alerts/types.ts";
import { durationWords } from "../../cloud-agent/core/rollout/words.ts";
import { read, tableRows } from "./files.ts";

const runbook = read("cloud-agent/RUNBOOK.md");
const cli = ["device", "vitals", "alert", "outbox", "quality"].map((name) => {
  return read(`scripts/cli/${name}/command.ts`);
});

describe("RUNBOOK.md", () => {
  it("lists every alert with severity, times, causes and meaning", () => {
    const columns = ["alert", "severity", "fires after", "ends after", "common causes", "meaning"];
    const word = (ms: number) => (ms === 0 ? "at once" : durationWords(ms));
    const wanted = ruleNames.map((name) => {
      const { severity, holdMs, clearMs, causes, meaning } = alertRules[name];
      return [name, severity, word(holdMs), word(clearMs), causes.join(", ") || "none", meaning];
    });
    expect(tableRows(runbook, ...columns)).toEqual(wanted);
  });
  it("has the steps of every playbook", () => {
    const wanted = ruleNames.flatMap((name) =>
      alertRules[name].playbook.map(({ id, text, run }) => [
        ...[name, id, text, run === null ? "" : `\`${run}\``],
      ]),
    );
    expect(tableRows(runbook, "alert", "step", "what to do", "command")).toEqual(wanted);
    expect(new Set(wanted.map(([name]) => name)).size).toBe(ruleNames.length);
  });
  it("names only commands that the tool has", () => {
    const runs = ruleNames.flatMap((name) =>
      alertRules[name].playbook.flatMap(({ run }) => run ?? []),
    );
    for (const run of runs) {
      const [, group, command] = run.split(" ");
      const isThere = cli.some((text) => {
        return text.includes(`command("${group}")`) && new RegExp(`["(]${command}"`).test(text);
      });
      expect([run, isThere]).toEqual([run, true]);
    }
  });
  it("shows an alert settings file that the agent takes, with the thresholds' defaults", () => {
    const example = JSON.parse(/```json\n([\s\S]*?)```/.exec(runbook)![1]!);
    expect(parseAlertSettings(example).outputs).toHaveLength(3);
    expect(example.thresholds).toEqual(parseAlertSettings({}).thresholds);
  });
});
