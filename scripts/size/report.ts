import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type SizeLine, shown } from "./measure.ts";

/** Numbers as they were when somebody last looked at them: { board: { name: value } }. */
export type Baseline = Record<string, Record<string, number>>;

export const baselineFile = fileURLToPath(new URL("./size-baseline.json", import.meta.url));

export function readBaseline(): Baseline {
  return existsSync(baselineFile) ? JSON.parse(readFileSync(baselineFile, "utf8")) : {};
}

export function toBaseline(lines: SizeLine[]): Baseline {
  const baseline: Baseline = {};
  for (const { board, name, value } of lines) {
    baseline[board] ??= {};
    baseline[board][name] = Number(shown(value));
  }
  return baseline;
}

/** Numbers per board against budget and baseline, for people. */
export function sizeReport(lines: SizeLine[], baseline: Baseline): string {
  const rows = lines.map((line, i) => {
    const { board, name, value, max } = line;
    const head = lines[i - 1]?.board === board ? "" : `\n${board}\n${header}\n`;
    return head + row(name, value, max, baseline[board]?.[name]);
  });
  return `${rows.join("\n").trimStart()}\n`;
}

const columns = (texts: string[]) =>
  `  ${texts[0]!.padEnd(20)}${texts
    .slice(1)
    .map((text) => text.padStart(9))
    .join("")}`.trimEnd();
const header = columns(["", "now", "budget", "used", "change"]);

function row(name: string, value: number, max?: number, before?: number): string {
  const used = max ? `${Math.round((value * 100) / max)} %` : "";
  return columns([
    name,
    shown(value),
    max === undefined ? "" : shown(max),
    used,
    change(value, before),
  ]);
}

function change(value: number, before: number | undefined): string {
  if (before === undefined) return "new";
  const by = Number(shown(value - before));
  return by === 0 ? "" : by > 0 ? `+${by}` : String(by);
}
