/** What was gathered since the agent's last answer: vitals by number and metrics by name, each [least, greatest, last]. */
export type Gathered = [vitals: any, metrics: any];

/** Adds one reading; undefined and NaN are none. */
export function note(into: any, key: string | number, value: number | undefined): void {
  // True for undefined too, here as in any JavaScript.
  if (isNaN(value!)) return;
  const v = Math.round(value!);
  const r = into[key];
  into[key] = r ? [v < r[0] ? v : r[0], v > r[1] ? v : r[1], v] : [v, v, v];
}
