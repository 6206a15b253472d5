/** Figures of the fleet for Prometheus, read from the store when somebody asks. */
import { alerts } from "./core/alerts/book.ts";
import { findingsMax } from "./core/alerts/limits.ts";
import { lifecycleNames } from "./core/lifecycleNames.ts";
import { backlog } from "./core/outbox/outbox.ts";
import type { DeviceService } from "./core/ports.ts";
import type { Metrics } from "./platform/metrics.ts";
import type { Store, Tx } from "./storage/store.ts";

/** Adds them. @param service what stands behind the broker */
export function addFleetMetrics(
  metrics: Metrics,
  store: Store,
  service: Pick<DeviceService, "gateways" | "isConnected">,
): void {
  const read = (fn: (tx: Tx) => Promise<Record<string, number>>) => () => store.tx(fn);
  metrics.gauge(
    "fleetling_devices",
    "Devices by lifecycle",
    "lifecycle",
    read(async (tx) => {
      const counts = Object.entries(await tx.countDevices("lifecycle"));
      return Object.fromEntries(
        counts.map(([n, count]) => [lifecycleNames[Number(n)] ?? n, count]),
      );
    }),
  );
  metrics.gauge(
    "fleetling_devices_by_presence",
    "Devices in service by presence; unwatched: not in service",
    "presence",
    read(async (tx) => {
      const { online = 0, offline = 0, "": unwatched = 0 } = await tx.countDevices("presence");
      return { online, offline, unwatched };
    }),
  );
  metrics.gauge(
    "fleetling_devices_by_board",
    "Devices by board",
    "board",
    read((tx) => tx.countDevices("board")),
  );
  metrics.gauge(
    "fleetling_devices_by_sequence",
    "Devices by the release that they run",
    "sequence",
    read((tx) => tx.countDevices("runningSequence")),
  );
  metrics.gauge(
    "fleetling_rollouts",
    "Rollouts by status",
    "status",
    read(async (tx) => countBy(await tx.rollouts({}), ({ status }) => status)),
  );
  metrics.gauge(
    "fleetling_alerts_open",
    "Open alerts by severity",
    "severity",
    read(async (tx) => {
      const open = await tx.documents.list(alerts, { ref: "open", limit: findingsMax });
      const counts = countBy(open, ({ value }) => value.severity);
      return { critical: 0, warning: 0, ...counts };
    }),
  );
  metrics.gauge(
    "fleetling_outbox_entries",
    "Entries of the outbox that wait for their output",
    "state",
    read(async (tx) => ({ waiting: (await backlog(tx)).entries })),
  );
  metrics.gauge("fleetling_gateways", "Gateways that are connected", "state", async () => ({
    connected: service.gateways().length,
  }));
  metrics.gauge("fleetling_broker", "1 while the broker can be used", "state", async () => ({
    connected: Number(service.isConnected()),
  }));
}

function countBy<T>(all: T[], of: (one: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const one of all) counts[of(one)] = (counts[of(one)] ?? 0) + 1;
  return counts;
}
