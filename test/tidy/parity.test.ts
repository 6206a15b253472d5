/** Documents say what the code does: numbers, names, settings, commands, both ways. */
import { describe, expect, it } from "vitest";
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
