/** A store that keeps what rollouts knew of each device, whoever writes the record: one snapshot at every change. */
import {
  newestSnapshots,
  snapshotDigest,
  snapshotId,
  snapshotOf,
  snapshots,
  snapshotsPerDeviceMax,
} from "./core/history/snapshot.ts";
import type { Clock } from "./core/ports.ts";
import type { DeviceRecord } from "./core/records.ts";
import type { Store, Tx } from "./storage/store.ts";

/** Wraps a store. A record without a change of those facts costs one digest and no read. */
export function withHistory(store: Store, clock: Clock): Store {
  /** serial → digest of its newest committed snapshot */
  const known = new Map<string, string>();
  return {
    close: () => store.close(),
    onEvents: (listener) => store.onEvents(listener),
    async tx(fn) {
      const written = new Map<string, string>();
      const result = await store.tx((tx) =>
        fn(
          keeping(tx, async (device) => {
            await tx.putDevice(device);
            await keep(tx, device, clock.nowMs(), known, written);
          }),
        ),
      );
      // Only what was committed is known: a transaction that was rolled back has left no snapshot.
      for (const [serial, digest] of written) known.set(serial, digest);
      return result;
    },
  };
}

/** The same transaction with another way to store a device. */
function keeping(tx: Tx, putDevice: Tx["putDevice"]): Tx {
  return new Proxy(tx, {
    get(target, name) {
      if (name === "putDevice") return putDevice;
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

async function keep(
  tx: Tx,
  device: DeviceRecord,
  nowMs: number,
  known: Map<string, string>,
  written: Map<string, string>,
): Promise<void> {
  const { serial } = device;
  const snapshot = snapshotOf(device);
  const digest = snapshotDigest(snapshot);
  const before = written.get(serial) ?? known.get(serial) ?? (await newest(tx, serial));
  written.set(serial, digest);
  if (before === digest) return;
  await tx.documents.put(snapshots, {
    id: snapshotId(serial, nowMs),
    ref: serial,
    value: { atMs: nowMs, device: snapshot },
  });
  await tx.documents.put(newestSnapshots, { id: serial, value: { digest } });
  if ((await tx.documents.count(snapshots, { ref: serial })) <= snapshotsPerDeviceMax) return;
  const [oldest] = await tx.documents.list(snapshots, { ref: serial, limit: 1 });
  if (oldest) await tx.documents.delete(snapshots, oldest.id);
}

async function newest(tx: Tx, serial: string): Promise<string | null> {
  return (await tx.documents.get(newestSnapshots, serial))?.digest ?? null;
}
