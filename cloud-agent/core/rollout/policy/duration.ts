/** Durations as people write them: "48h", "30m", "1d12h". */

const unitMs: Record<string, number> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** What a duration in a file looks like; for the published schema too. */
export const durationPattern = "^(\\d{1,9}(\\.\\d{1,3})?(ms|s|m|h|d))+$";

/** Reads a duration. Pure. @returns milliseconds, null for what is none: a number alone has no unit */
export function readDuration(text: string): number | null {
  if (!new RegExp(durationPattern).test(text)) return null;
  let sum = 0;
  for (const [, number, unit] of text.matchAll(/([\d.]+)(ms|s|m|h|d)/g)) {
    sum += Number(number) * unitMs[unit!]!;
  }
  return Math.round(sum);
}

/** The shortest form in one unit: 86400000 is "24h" (days begin at two), 0 is "0s". Pure. */
export function durationText(ms: number): string {
  if (ms === 0) return "0s";
  for (const unit of ["d", "h", "m", "s"]) {
    const count = ms / unitMs[unit]!;
    if (Number.isInteger(count) && (unit !== "d" || count >= 2)) return `${count}${unit}`;
  }
  return `${ms}ms`;
}
