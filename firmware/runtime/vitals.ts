import type { ClientState } from "../core/parts/client.ts";
import { type SlotsRecord, slotOf } from "../core/slots.ts";
import { memoryUsedPermille, uptimeS, variablesInUse } from "../hal/measure.ts";
import { metricNameCharsMax, metricsMax } from "../protocol/limits.ts";

/** What was gathered since the agent's last answer: vitals by number and metrics by name, each [least, greatest, last]. */
export type Gathered = [vitals: any, metrics: any];

/** Adds one reading; undefined and NaN are none. */
function note(into: any, key: string | number, value: number | undefined): void {
  if (value === undefined || isNaN(value)) return;
  const v = Math.round(value);
  const r = into[key];
  into[key] = r ? [v < r[0] ? v : r[0], v > r[1] ? v : r[1], v] : [v, v, v];
}

/** Takes one reading of the app. @throws when the name is not among the declared ones */
export function noteMetric(g: Gathered, declared: string[], name: string, value: number): void {
  const i = declared.indexOf(name);
  if (i < 0 || i >= metricsMax || name.length > metricNameCharsMax)
    throw "metric " + name + " is not declared";
  note(g[1], name, value);
}

/** Reads what the board can measure.
 *  @returns [vitals, metrics] of a CHECKIN, vitals in the order of their numbers. Source: SPEC.md §4.2 */
export function report(g: Gathered, slots: SlotsRecord, client: ClientState): any[] {
  note(g[0], 1, BOARD.batteryMv);
  note(g[0], 2, memoryUsedPermille());
  note(g[0], 4, BOARD.rssiDbm);
  note(g[0], 5, BOARD.temperatureDeciC);
  const running = slotOf(slots, slots[0]);
  const v: any = {};
  for (let i = 1; i < 6; i++) {
    if (i === 3) v[3] = BOARD.slotBytes - (running ? running[1] : 0);
    else if (g[0][i]) v[i] = g[0][i];
  }
  v[6] = v[7] = uptimeS();
  v[8] = client.ok;
  v[9] = client.failed;
  if (BOARD.probe) v[11] = variablesInUse();
  return [v, g[1]];
}
