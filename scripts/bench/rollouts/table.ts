import type { Played } from "./play.ts";

/** One line of the table. */
export interface Row {
  name: string;
  runs: number;
  /** halted while the canary was the only wave */
  caughtBeforeWave2: number;
  /** halted in any wave */
  halted: number;
  done: number;
  /** from the first offer to the halt; null when none halted */
  medianHoursToHalt: number | null;
  /** halts by the metric that was worse; "causes" for failed installations */
  by: Record<string, number>;
  /** rollouts that held at least once */
  held: number;
  /** shares; null for rows without a bar */
  bar: { caughtMin: number } | { falseHaltsMax: number } | null;
  holds: boolean | null;
  checkIns: number;
  seconds: number;
  /** what did not go as it should: a line each */
  oddities: string[];
}

export function rowOf(name: string, played: Played[], bar: Row["bar"], seconds: number): Row {
  const halted = played.filter((one) => one.status === "halted");
  const early = halted.filter((one) => one.wave === 0);
  const by: Record<string, number> = {};
  for (const { metrics } of halted) {
    for (const metric of metrics.length > 0 ? metrics : ["causes"]) {
      by[metric] = (by[metric] ?? 0) + 1;
    }
  }
  const isBad = bar === null || "caughtMin" in bar;
  const odd = isBad ? played.filter((one) => !early.includes(one)) : halted;
  return {
    name,
    runs: played.length,
    caughtBeforeWave2: early.length,
    halted: halted.length,
    done: played.filter((one) => one.status === "done").length,
    medianHoursToHalt: middle(halted.map((one) => one.hours)),
    by,
    held: played.filter((one) => one.holds > 0).length,
    bar,
    holds: barHolds(bar, early.length, halted.length, played.length),
    checkIns: played.reduce((sum, one) => sum + one.checkIns, 0),
    seconds,
    oddities: odd.map(
      (one) => `${name}, seed ${one.seed}: ${one.reason ?? `${one.status} after ${one.hours} h`}`,
    ),
  };
}

function barHolds(bar: Row["bar"], early: number, halted: number, runs: number): boolean | null {
  if (bar === null) return null;
  return "caughtMin" in bar ? early >= bar.caughtMin * runs : halted <= bar.falseHaltsMax * runs;
}

function middle(values: number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[sorted.length >> 1]!;
}

/** Rows as text in columns. */
export function tableOf(rows: Row[]): string {
  const head = ["release", "runs", "before wave 2", "halted", "held", "median h", "by", "bar", "s"];
  const lines = rows.map((row) => [
    row.name,
    String(row.runs),
    String(row.caughtBeforeWave2),
    String(row.halted),
    String(row.held),
    row.medianHoursToHalt === null ? "-" : String(row.medianHoursToHalt),
    Object.entries(row.by)
      .map(([metric, count]) => `${metric} ${count}`)
      .join(", ") || "-",
    barWords(row),
    String(row.seconds),
  ]);
  const widths = head.map((title, at) =>
    Math.max(title.length, ...lines.map((line) => line[at]!.length)),
  );
  return [head, ...lines]
    .map((line) =>
      line
        .map((cell, at) => cell.padEnd(widths[at]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function barWords({ bar, holds }: Row): string {
  if (bar === null) return "none";
  const text =
    "caughtMin" in bar
      ? `>= ${100 * bar.caughtMin} % early`
      : `<= ${100 * bar.falseHaltsMax} % halted`;
  return `${text}: ${holds ? "yes" : "NO"}`;
}
