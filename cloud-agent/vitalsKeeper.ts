/** Rolls vitals up and deletes old ones, again and again. All state is in the store. */
import type { Log } from "./core/ports.ts";
import { deletedRowsMax, deleteTxMax, rolledRowsMax, rollTxMax } from "./core/vitals/limits.ts";
import type { VitalsPolicy } from "./core/vitals/policy.ts";
import { deleteOldSamples, deleteOldSpans, rollUpNext } from "./core/vitals/roll.ts";
import type { Store } from "./storage/store.ts";

/** @param deps.prudentNowMs a clock that does not follow jumps: a wrong clock must not delete anything */
export function createVitalsKeeper(deps: {
  store: Store;
  log: Log;
  policy: VitalsPolicy;
  prudentNowMs(): number;
}): { turn(): Promise<void> } {
  const { store, log, policy } = deps;
  return {
    /** Never throws: what could not be done is told in the log and done in the next turn. */
    async turn() {
      try {
        for (let count = 0; count < rollTxMax; count++) {
          if ((await store.tx((tx) => rollUpNext(tx))) < rolledRowsMax) break;
        }
        for (let count = 0; count < deleteTxMax; count++) {
          const gone = await store.tx((tx) => deleteOldSamples(tx, policy, deps.prudentNowMs()));
          if (gone < deletedRowsMax) break;
        }
        await store.tx((tx) => deleteOldSpans(tx, policy, deps.prudentNowMs()));
      } catch (err) {
        log.error({ err }, "vitals were not rolled up; the next turn goes on");
      }
    },
  };
}
