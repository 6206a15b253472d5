/** Documents say what the code does: numbers, names, settings, commands, both ways. */
import { describe, expect, it } from "vitest";
import { errorKinds } from "../../cloud-agent/core/errors.ts";
import { configFromEnv, parseConfig } from "../../cloud-agent/platform/config.ts";
import { errorTexts } from "../../firmware/protocol/errorTexts.ts";
import { enumMembers, read, tableRows } from "./files.ts";

const spec = read("firmware/SPEC.md");

/** Rows "| NAME … | [number, …" of every message table. */
function messagesOfSpec(): Map<string, number> {
  const rows = [...spec.matchAll(/^\| ([A-Z][A-Z-]+)(?: [DC]→[DC])? \| \[(\d+)[,\]]/gm)];
  return new Map(
    rows.map(([, name, number]) => [name!.replaceAll("-", "").toLowerCase(), Number(number)]),
  );
}

/** "0 unknown · 1 power-on · …" behind a label. */
function listOfSpec(label: RegExp): Map<string, number> {
  const line = label.exec(spec)?.[1] ?? "";
  const items = [...line.matchAll(/(\d+) ([a-zA-Z-]+)/g)];
  return new Map(
    items.map(([, number, name]) => [name!.replaceAll("-", "").toLowerCase(), Number(number)]),
  );
}

const lower = (members: Map<string, number>) =>
  new Map([...members].map(([name, number]) => [name.toLowerCase(), number]));
const sorted = (map: Map<string, number>) => [...map].sort((a, b) => a[1] - b[1]);

describe("SPEC.md", () => {
  it("numbers the messages as messages.ts does", () => {
    const members = lower(enumMembers("firmware/protocol/messages.ts", "Msg"));
    // A frame is no CBOR array; its first byte is told in prose.
    expect(spec).toContain(`a sealed frame starts with byte 0x0${members.get("frame")}`);
    members.delete("frame");
    expect(members.size).toBeGreaterThan(15);
    expect(sorted(messagesOfSpec())).toEqual(sorted(members));
  });
  it.each([
    ["Lifecycle", /^`state`: (.*)$/m],
    ["ResetReason", /^reset reason: (.*)$/m],
    ["WipeMode", /mode \((1 resale[^)]*)\)/],
    ["SlotState", /slot state \(([^)]*)\)/],
  ] as const)("numbers %s as messages.ts does", (name, label) => {
    const members = lower(enumMembers("firmware/protocol/messages.ts", name));
    expect(members.size).toBeGreaterThan(2);
    expect(sorted(listOfSpec(label))).toEqual(sorted(members));
  });
  it("numbers the journal's records as journal.ts does", () => {
    const rows = tableRows(spec, "type", "name", "payload (CBOR)");
    const told = rows.map(([type, name]) => [name!.split(" ")[0]!, Number(type)] as const);
    const members = lower(enumMembers("firmware/flash/journal.ts", "Rec"));
    // How many there are, not one of them.
    members.delete("count");
    expect(members.size).toBeGreaterThan(5);
    expect(sorted(new Map(told))).toEqual(sorted(members));
  });
});

describe("time rules", () => {
  const tests = read("test/firmware/time.test.ts");
  const rules = tableRows(spec, "rule", "test");
  it("of SPEC.md and tests of time.test.ts are the same", () => {
    const titles = [...tests.matchAll(/^ {2}it\("([^"]+)"/gm)].map(([, title]) => title);
    expect(titles.length).toBeGreaterThan(8);
    expect(rules.map(([, title]) => title).sort()).toEqual(titles.sort());
  });
});

describe("SECURITY.md", () => {
  const claims = tableRows(read("firmware/SECURITY.md"), "attacker", "what holds", "file", "test");
  it("names a test for each kind of claim", () => {
    expect(claims.length).toBeGreaterThan(12);
  });
  it.each(claims)("%s: %s is shown by %s, %s", (_attacker, _claim, file, title) => {
    expect(read(file!)).toContain(`"${title}"`);
  });
});

describe("RUNBOOK.md", () => {
  const runbook = read("cloud-agent/RUNBOOK.md");
  const settings = tableRows(runbook, "variable", "setting", "default", "meaning");

  it("lists the settings of config.ts, and no others", () => {
    const schema = /z\.strictObject\(\{([\s\S]*?)\n\}\);/.exec(
      read("cloud-agent/platform/config.ts"),
    )![1]!;
    const names = [...schema.matchAll(/^ {2}(\w+): ?/gm)].map(([, name]) => name);
    expect(names.length).toBeGreaterThan(10);
    expect(settings.map(([, name]) => name)).toEqual(names);
  });
  it("gives each setting its default", () => {
    const defaults = parseConfig({}) as Record<string, unknown>;
    for (const [, name, value] of settings) expect(value).toBe(String(defaults[name!] ?? "none"));
  });
  it.each(settings)("%s is read as %s", (variable, name, value) => {
    const samples: Record<string, string> = {
      km: "0".repeat(64),
      adminToken: "a".repeat(16),
      releaseKeys: "keys",
      databaseUrl: "postgres://agent@db/fleet",
      mqttUrl: "mqtt://agent@broker",
      mqttShare: "fleet",
      payloadsEndpoint: "https://s3.example.org",
    };
    const given = samples[name!] ?? value!;
    const config = configFromEnv({ [variable!]: given }) as Record<string, unknown>;
    expect(String(config[name!])).toBe(given);
  });
  it("tells every code as the code tables do", () => {
    const columns = ["code", "name", "fault", "what happened", "what to do"];
    const device = Object.entries(errorTexts).map(([code, { name, fault, text, next }]) => {
      return [code, name, fault, text, next];
    });
    expect(tableRows(runbook, ...columns)).toEqual(device);
    const agent = Object.entries(errorKinds)
      .filter(([code]) => Number(code) >= 600)
      .map(([code, { name, status, next }]) => [code, name, String(status), next]);
    expect(tableRows(runbook, "code", "name", "HTTP", "what to do")).toEqual(agent);
  });
});
