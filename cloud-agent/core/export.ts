/** All that is stored of one device, as lines: for its owner, or for another system. Pure. */
import type { EventRecord, VitalsRecord } from "./records.ts";
import type { VitalsSpan } from "./vitals/spans.ts";

export const exportParts = ["events", "vitals", "hours", "days"] as const;
export type ExportPart = (typeof exportParts)[number];

type Cell = string | number | null;

export const csvHeads: Record<ExportPart, string[]> = {
  events: ["id", "atMs", "kind", "rolloutId", "sequence", "code", "text", "data"],
  vitals: ["atMs", "sequence", "metric", "min", "max", "last"],
  hours: ["fromMs", "sequence", "crashes", "metric", "min", "max", "mean", "count"],
  days: ["fromMs", "sequence", "crashes", "metric", "min", "max", "mean", "count"],
};

export function eventCells(event: EventRecord): Cell[][] {
  const { id, atMs, kind, rolloutId, sequence, code, text, data } = event;
  return [[id, atMs, kind, rolloutId, sequence, code, text, JSON.stringify(data)]];
}

export function vitalsCells({ atMs, sequence, values }: VitalsRecord): Cell[][] {
  return Object.entries(values).map(([name, figures]) => [
    ...[atMs, sequence, name],
    ...[Math.min(...figures), Math.max(...figures), figures.at(-1) ?? null],
  ]);
}

export function spanCells({ fromMs, sequence, crashes, figures }: VitalsSpan): Cell[][] {
  return Object.entries(figures).map(([name, [min, max, sum, count]]) => [
    ...[fromMs, sequence, crashes, name, min, max, sum / count, count],
  ]);
}

/** One line of CSV as in RFC 4180. Text of devices and people that a spreadsheet would take for a formula is made text. */
export function csvLine(cells: readonly Cell[]): string {
  const words = cells.map((cell) => {
    if (cell === null) return "";
    if (typeof cell === "number") return String(cell);
    const plain = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
    return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
  });
  return `${words.join(",")}\r\n`;
}
