/** FEATURES.md answers every row of the comparison with the field, each with a state that is one of three words. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { read, root, tableRows } from "./files.ts";

const rows = [
  ...["Waves by %", "Waves by count or filter", "Canary wave + timed soak"],
  ...["Success / error thresholds", "Auto pause / abort", "Fleet rollback of already-updated"],
  ...["Approval / four eyes", "Schedule / maintenance window", "Pace / download rate limit"],
  ...["Resume interrupted download", "Delta updates", "Forced / soft / user consent"],
  ...["Must-pass-through / dependency", "Anti-rollback / downgrade block"],
  ...["Hardware compatibility check", "Commit only after health check"],
  ...["Per-device auth", "Key rotation", "Claim / enrol flow", "Multi-tenant", "RBAC", "Audit log"],
  ...["Tags / dynamic filters", "Shadow / config / desired state", "Remote commands / jobs"],
  ...["Logs and crash dumps", "Vitals series / fleet percentiles"],
  ...["Alerts offline / battery / errors", "Webhooks", "API + OpenAPI", "CLI", "UI"],
  ...["Prometheus metrics", "Simulator", "Published sizing / load figures"],
  ...["Decommission with wipe proof", "Data export", "End-of-life notice per model/version"],
  "AI / MCP endpoint (new trend)",
];

describe("FEATURES.md", () => {
  const text = read("cloud-agent/FEATURES.md");
  const head = ["feature", "state", "where, or why"];
  const second = text.indexOf("## Identity");
  const told = [
    ...tableRows(text.slice(0, second), ...head),
    ...tableRows(text.slice(second), ...head),
  ];

  it("has every row of the two tables, in their order", () => {
    expect(told.map(([name]) => name)).toEqual(rows);
  });
  it.each(told)("%s is done, planned or refused, and says where or why", (_name, state, note) => {
    expect(["done", "planned", "refused"]).toContain(state);
    expect(note!.length).toBeGreaterThan(20);
  });
  it("names files that are there", () => {
    const named = [...text.matchAll(/\((?:[^)]*?)((?:core|platform|http|scripts)\/[\w./-]+)/g)];
    expect(named.length).toBeGreaterThan(5);
    for (const [, path] of named) {
      const file = path!.startsWith("scripts/") ? path! : `cloud-agent/${path}`;
      expect(existsSync(join(root, file.replace(/[.,]$/, ""))), path).toBe(true);
    }
  });
});
