/** The statistics that several parts of the engine use. Pure functions over numbers. */

/** Middle value; the mean of the two middle ones for an even count. @returns NaN for none */
export function median(values: number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return sorted.length === 0 ? Number.NaN : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
