import type { Kit } from "../core/kit.ts";
import type { Client } from "../core/parts/client.ts";
import { slotOf } from "../core/slots.ts";
import { metricNameCharsMax, metricsMax } from "../protocol/limits.ts";

/** [least, greatest, last] since the last check-in */
type Range = [number, number, number];

export interface Vitals {
  /** the `vitals` map of a CHECKIN; SPEC.md §4.2 */
  vitals(client: Client): any;
  metrics(): any;
  metric(name: string, value: number): void;
  /** The agent has what was gathered: begin anew. */
  clear(): void;
}

/** Gathers vitals and the app's declared metrics in bounded memory. */
export function gatherVitals(k: Kit, declared: string[]): Vitals {
  let ranges: any = {};
  let metrics: any = {};
  const note = (into: any, key: string | number, value: number | undefined) => {
    if (value === undefined || isNaN(value)) return;
    const v = Math.round(value);
    const r: Range | undefined = into[key];
    into[key] = r ? [v < r[0] ? v : r[0], v > r[1] ? v : r[1], v] : [v, v, v];
  };
  const sample = () => {
    note(ranges, 1, k.h.batteryMv());
    note(ranges, 2, k.h.memory());
    note(ranges, 4, k.h.rssiDbm());
    note(ranges, 5, k.h.temperatureDeciC());
  };
  k.h.every(60_000, sample);
  return {
    vitals(client) {
      sample();
      const running = slotOf(k.slots, k.slots[0]);
      const uptimeS = Math.round(k.h.ms() / 1000);
      const v: any = {};
      for (let i = 1; i < 6; i++) {
        if (i === 3) v[3] = BOARD.slotBytes - (running ? running[1] : 0);
        else if (ranges[i]) v[i] = ranges[i];
      }
      v[6] = v[7] = uptimeS;
      v[8] = client.ok;
      v[9] = client.failed;
      if (BOARD.probe) v[11] = k.h.variables!();
      return v;
    },
    metrics: () => metrics,
    metric(name, value) {
      const i = declared.indexOf(name);
      if (i < 0 || i >= metricsMax || name.length > metricNameCharsMax)
        throw "metric " + name + " is not declared";
      note(metrics, name, value);
    },
    clear() {
      ranges = {};
      metrics = {};
    },
  };
}
