/** Reconciles once a night, and when somebody asks. */
import { devicesPerReadMax } from "./core/limits.ts";
import type { Clock, Log } from "./core/ports.ts";
import {
  addDevices,
  keepReconciliation,
  newReconciliation,
  type Reconciliation,
} from "./core/reconcile.ts";
import { localDay, localTime } from "./core/rollout/zone.ts";
import type { Store } from "./storage/store.ts";

export interface ReconcileSettings {
  /** local hour from which on the night's one is made, 0 to 23; "off": none */
  hour: number | "off";
  /** IANA name or "+02:00" */
  zone: string;
  /** a device that did not come for so long is inactive */
  inactiveDays: number;
}

export interface Reconciler {
  /** Looks at the whole fleet now; whoever asks meanwhile gets the same. @param by who asked */
  run(by: string): Promise<Reconciliation>;
  /** Makes the night's one when it is time: once a local day, however often the agent is started, and late when it was
   *  away. Never throws. */
  turn(): Promise<void>;
}

const metaName = "reconciledDay";

export function createReconciler(deps: {
  store: Store;
  clock: Clock;
  steadyMs(): number;
  log: Log;
  settings: ReconcileSettings;
  /** names of the outputs that are about reconciliation */
  outputs: readonly string[];
  /** lets others have their turn between two pages */
  breathe(): Promise<void>;
}): Reconciler {
  const { store, clock, log, settings } = deps;
  let running: Promise<Reconciliation> | null = null;
  /** local day that needs no look into the store any more */
  let doneDay: number | null = null;

  /** One short transaction per page, and a breath: check-ins come in between. */
  async function look(by: string, day: number | null): Promise<Reconciliation> {
    const { inactiveDays } = settings;
    const report = newReconciliation({ atMs: clock.nowMs(), by, inactiveDays });
    let after: string | undefined;
    for (;;) {
      const page = await store.tx((tx) => tx.devices({ after, limit: devicesPerReadMax }));
      addDevices(report, page);
      if (page.length < devicesPerReadMax) break;
      after = page.at(-1)!.serial;
      await deps.breathe();
    }
    await store.tx(async (tx) => {
      const edge = { steadyMs: deps.steadyMs(), wallMs: clock.nowMs(), outputs: deps.outputs };
      await keepReconciliation(tx, report, edge);
      // With the report: an agent killed before it makes the night's one again.
      if (day !== null) await tx.putMeta(metaName, String(day));
    });
    return report;
  }

  function start(by: string, day: number | null): Promise<Reconciliation> {
    const work = look(by, day).finally(() => {
      running = null;
    });
    running = work;
    return work;
  }

  return {
    run: (by) => running ?? start(by, null),
    async turn() {
      const { hour, zone } = settings;
      if (hour === "off") return;
      try {
        const nowMs = clock.nowMs();
        const day = localDay(zone, nowMs);
        if (day === doneDay || localTime(zone, nowMs).minute < hour * 60) return;
        const last = await store.tx((tx) => tx.meta(metaName));
        if (last !== String(day)) {
          await running;
          await start("nightly", day);
        }
        doneDay = day;
      } catch (err) {
        log.error({ err }, "could not reconcile; the next turn tries again");
      }
    },
  };
}
