/** What rollouts knew of a device, kept at every change, so that questions about the past have the answers of then. */
import { createHash } from "node:crypto";
import type { Tx } from "../../storage/store.ts";
import { documentKind } from "../documents.ts";
import type { DeviceRecord } from "../records.ts";

/** Fields of a device that an offer depends on. Times of contact are not among them: they change all the time, and no
 *  offer is refused for one. */
const names = [
  ...(["lifecycle", "group", "site", "tags", "timeZone", "account"] as const),
  ...(["runningSequence", "runningDigest", "slotState", "floor", "keySetVersion"] as const),
  ...(["otherSequence", "otherValid", "lastFailed", "refused", "refusedMs", "deferred"] as const),
  ...(["penalty", "order", "nextCheckInS"] as const),
] as const;

export type Snapshot = Partial<Pick<DeviceRecord, (typeof names)[number]>> & {
  /** bytes change with every block; that it has begun is what counts */
  download: DeviceRecord["download"];
};

export interface StoredSnapshot {
  atMs: number;
  device: Snapshot;
}

/** id: `snapshotId`; ref: the serial */
export const snapshots = documentKind<StoredSnapshot>("deviceSnapshot");
/** id: the serial; value: digest of the newest snapshot */
export const newestSnapshots = documentKind<{ digest: string }>("deviceSnapshotNewest");

/** Snapshots kept per device: ten years of one change in three days. */
export const snapshotsPerDeviceMax = 1200;

/** Takes out of a record what the past may be asked for. Pure. */
export function snapshotOf(device: DeviceRecord): Snapshot {
  const kept: Record<string, unknown> = {};
  for (const name of names) if (device[name] !== undefined) kept[name] = device[name];
  const { download } = device;
  const began = download === null ? null : { ...download, bytesDone: 0 };
  return { ...(kept as Snapshot), download: began, order: withoutSecrets(device.order) };
}

/** That an order waits is history; what proves a wipe is not for keeping. */
function withoutSecrets(order: DeviceRecord["order"]): DeviceRecord["order"] {
  return order?.kind === "wipe" ? { ...order, nonce: "", ackToken: "" } : order;
}

/** Forgets what a device was, but for its newest snapshot. @returns how many went */
export async function forgetSnapshots(tx: Tx, serial: string): Promise<number> {
  const limit = snapshotsPerDeviceMax + 1;
  const kept = await tx.documents.list(snapshots, { ref: serial, limit });
  const old = kept.slice(0, -1);
  for (const { id } of old) await tx.documents.delete(snapshots, id);
  return old.length;
}

/** 16 hex digits that tell two snapshots apart. Pure. */
export function snapshotDigest(snapshot: Snapshot): string {
  return createHash("sha256").update(JSON.stringify(snapshot)).digest("hex").slice(0, 16);
}

/** Sorts by time within a serial. */
export function snapshotId(serial: string, atMs: number): string {
  return `${serial} ${String(atMs).padStart(15, "0")}`;
}

/** The device as it was: what was kept over what never changes. Pure. */
export function deviceAt(
  device: DeviceRecord,
  snapshot: StoredSnapshot,
  lastSeenMs: number | null,
): DeviceRecord {
  const blank = { timeZone: null, keySetVersion: undefined, refusedMs: null, deferred: null };
  // Vitals of then are in their own rows; those of now would answer for another time.
  return {
    ...device,
    ...blank,
    latestVitals: undefined,
    penalty: null,
    ...snapshot.device,
    lastSeenMs,
  };
}
