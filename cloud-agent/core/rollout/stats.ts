/** The statistics of the vitals gate. Pure functions over numbers. */

export interface Slope {
  /** change of y per unit of x */
  slope: number;
  /** standard error of the slope */
  error: number;
}

/** Middle value; the mean of the two middle ones for an even count. @returns NaN for none */
export function median(values: number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return sorted.length === 0 ? Number.NaN : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Least-squares line. @returns null for fewer than three points or when all x are equal */
export function leastSquares(points: [x: number, y: number][]): Slope | null {
  const count = points.length;
  if (count < 3) return null;
  let sumX = 0;
  let sumY = 0;
  for (const [x, y] of points) {
    sumX += x;
    sumY += y;
  }
  const meanX = sumX / count;
  const meanY = sumY / count;
  let xx = 0;
  let xy = 0;
  let yy = 0;
  for (const [x, y] of points) {
    xx += (x - meanX) ** 2;
    xy += (x - meanX) * (y - meanY);
    yy += (y - meanY) ** 2;
  }
  if (xx === 0) return null;
  const slope = xy / xx;
  const residual = Math.max(0, yy - slope * xy);
  return { slope, error: Math.sqrt(residual / (count - 2) / xx) };
}

/** One-sided rank-sum (Mann-Whitney) test that `upper` tends to lie above `lower`: normal approximation with
 *  mid-ranks for ties and continuity correction. Fit for five and more on each side.
 *  @returns probability of a difference this large by chance; 1 when all values are equal */
export function rankSumP(upper: number[], lower: number[]): number {
  const all = [
    ...upper.map((value) => ({ value, isUpper: true })),
    ...lower.map((value) => ({ value, isUpper: false })),
  ].sort((left, right) => left.value - right.value);
  const total = all.length;
  let rankSum = 0;
  let ties = 0;
  for (let from = 0; from < total; ) {
    let to = from;
    while (to < total && all[to]!.value === all[from]!.value) to++;
    const midRank = (from + 1 + to) / 2;
    for (let at = from; at < to; at++) if (all[at]!.isUpper) rankSum += midRank;
    ties += (to - from) ** 3 - (to - from);
    from = to;
  }
  const pairs = upper.length * lower.length;
  const u = rankSum - (upper.length * (upper.length + 1)) / 2;
  const variance = (pairs / 12) * (total + 1 - ties / (total * (total - 1)));
  if (!(variance > 0)) return 1;
  return normalTail((u - pairs / 2 - 0.5) / Math.sqrt(variance));
}

/** P(Z > z), Abramowitz and Stegun 26.2.17 (error below 8e-8). */
function normalTail(z: number): number {
  if (z < 0) return 1 - normalTail(-z);
  const t = 1 / (1 + 0.2316419 * z);
  const poly =
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * poly;
}
