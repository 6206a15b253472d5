/** Ends the maintenance of devices when its time is over. */
import { endDueMaintenance } from "./core/maintenance.ts";
import type { Clock, Log } from "./core/ports.ts";
import type { Store } from "./storage/store.ts";

export function createMaintenanceWatch(deps: {
  store: Store;
  clock: Clock;
  steadyMs(): number;
  log: Log;
  /** told whose maintenance ended: what was held back may go now */
  nudge(serial: string): void;
}): { turn(): Promise<void> } {
  return {
    /** Never throws: what could not be ended is told in the log and ended in the next turn. */
    async turn() {
      try {
        const now = { steadyMs: deps.steadyMs(), wallMs: deps.clock.nowMs() };
        for (const serial of await deps.store.tx((tx) => endDueMaintenance(tx, now))) {
          deps.nudge(serial);
        }
      } catch (err) {
        deps.log.error({ err }, "maintenance could not be ended; the next turn tries again");
      }
    },
  };
}
