import type { Kit } from "../../core/kit.ts";
import type { ClientState } from "../../core/parts/client.ts";
import { readSlots } from "../../core/slots.ts";
import { memoryUsedPermille, uptimeS, variablesInUse } from "../../hal/measure.ts";
import { Code } from "../../protocol/errors.ts";
import { unansweredMax, unansweredPerS } from "../../protocol/limits.ts";
import type { Gathered, note as Note } from "../vitals.ts";

/** Reads what the board can measure: needed once a minute, so it is evaluated for each use.
 *  @returns (gathered, client, note of ../vitals.ts, info map of the CHECKIN to add to, if there is one) → [vitals, metrics] of
 *  a CHECKIN, vitals in the order of their numbers. Source: SPEC.md §4.2 */
export default (k: Kit) =>
  (g: Gathered, client: ClientState, note: typeof Note, info: any): any[] => {
    // The one that is being made waits already.
    if (info && client.waiting > 1 + unansweredMax + client.life[2]! / unansweredPerS)
      info[15] = [0, Code.Frozen];
    note(g[0], 1, BOARD.batteryMv);
    note(g[0], 2, memoryUsedPermille());
    const rssiDbm = BOARD.rssiDbm;
    if (rssiDbm !== undefined) note(g[0], 4, rssiDbm);
    note(g[0], 5, BOARD.temperatureDeciC);
    const slots = readSlots(k);
    const running = k.slot(slots);
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
  };
