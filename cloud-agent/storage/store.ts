import type { Documents } from "../core/documents.ts";
import type { ColumnFilter } from "../core/filter/types.ts";
import type {
  CertificateRecord,
  DeviceRecord,
  EventRecord,
  NewEvent,
  ReleaseRecord,
  SessionRecord,
  TokenRecord,
  VitalsRecord,
} from "../core/records.ts";
import type { RolloutRecord } from "../core/rollout/types.ts";
import type { VitalsSpans } from "../core/vitals/store.ts";

/** Port to a database. Everything inside one `tx` is one transaction: all of it or nothing. */
export interface Store {
  /** Runs fn in one transaction; rolls back and rethrows when fn throws. */
  tx<T>(fn: (tx: Tx) => Promise<T>): Promise<T>;
  /** Calls the listener with the events of each transaction after it was committed, in order.
   *  @returns ends the subscription */
  onEvents(listener: (events: EventRecord[]) => void): () => void;
  close(): Promise<void>;
}

export interface Tx {
  /** Records without a table of their own. */
  documents: Documents;
  /** Vitals rolled up by hour and day. */
  spans: VitalsSpans;

  device(serial: string): Promise<DeviceRecord | null>;
  putDevice(device: DeviceRecord): Promise<void>;
  /** Ordered by serial, after the cursor. */
  devices(page: {
    after?: string;
    limit: number;
    lifecycle?: number;
    presence?: "online" | "offline";
    /** of each column one of the values */
    where?: ColumnFilter;
  }): Promise<DeviceRecord[]>;
  /** Devices whose silence is to be judged by this time of the listening clock, the longest overdue first. */
  devicesToJudge(steadyMs: number, limit: number): Promise<DeviceRecord[]>;
  /** Number of devices per value of one column; the key is the value in words, for example "3" for Lifecycle.Operating.
   *  presence: "online", "offline", "" for those not watched. */
  countDevices(
    by?: "lifecycle" | "runningSequence" | "board" | "presence",
  ): Promise<Record<string, number>>;

  session(serial: string): Promise<SessionRecord | null>;
  /** Finds by sid (hex), for frames whose topic names no serial. */
  sessionBySid(sid: string): Promise<SessionRecord | null>;
  /** Replaces the serial's session; a sid belongs to the newest session that has it. */
  putSession(session: SessionRecord): Promise<void>;
  deleteSession(serial: string): Promise<void>;

  appendEvent(event: NewEvent, nowMs: number): Promise<EventRecord>;
  events(filter: {
    serial?: string;
    rolloutId?: string;
    sequence?: number;
    kind?: string;
    afterId?: number;
    limit: number;
    /** true: newest first; default false, oldest first */
    newestFirst?: boolean;
  }): Promise<EventRecord[]>;
  countEvents(filter: {
    kind: string;
    serial?: string;
    code?: number;
    /** only events of this instant or later */
    sinceMs?: number;
  }): Promise<number>;
  countEventsByKind(): Promise<Record<string, number>>;

  release(sequence: number): Promise<ReleaseRecord | null>;
  putRelease(release: ReleaseRecord): Promise<void>;
  releases(): Promise<ReleaseRecord[]>;
  /** kind 0 envelope, 1 payload, 2 envelope with the downgrade ticket; key is sequence and classId. */
  blob(kind: 0 | 1 | 2, sequence: number, classId: string): Promise<Uint8Array | null>;
  putBlob(kind: 0 | 1 | 2, sequence: number, classId: string, bytes: Uint8Array): Promise<void>;

  rollout(id: string): Promise<RolloutRecord | null>;
  putRollout(rollout: RolloutRecord): Promise<void>;
  /** activeOnly: running, paused, halted, and aborted ones that still take devices back. */
  rollouts(filter: { activeOnly?: boolean }): Promise<RolloutRecord[]>;

  appendVitals(rows: VitalsRecord[]): Promise<void>;
  /** The newest `limit` rows in the span, oldest first. */
  vitals(filter: {
    serial: string;
    sinceMs?: number;
    untilMs?: number;
    limit: number;
  }): Promise<VitalsRecord[]>;

  appendCertificate(certificate: CertificateRecord): Promise<void>;
  /** In order of index, from this index on. */
  certificates(page: {
    fromIndex?: number;
    serial?: string;
    limit: number;
  }): Promise<CertificateRecord[]>;
  lastCertificate(): Promise<CertificateRecord | null>;
  /** The newest certificate of a serial: a device that was resold can be wiped again. */
  certificate(serial: string): Promise<CertificateRecord | null>;

  tokenByHash(hash: string): Promise<TokenRecord | null>;
  putToken(token: TokenRecord): Promise<void>;
  tokens(): Promise<TokenRecord[]>;

  /** Deletes up to so many rows each of what a device measured and did. @returns counts; 0 when nothing is left */
  eraseDevice(
    serial: string,
    limit: number,
  ): Promise<{ vitals: number; spans: number; events: number }>;

  /** What `eraseDevice` would delete in all. */
  countErasable(serial: string): Promise<{ vitals: number; spans: number; events: number }>;

  /** Named values. "plansRevision" changes with every put of a rollout or release. */
  meta(key: string): Promise<string | null>;
  putMeta(key: string, value: string): Promise<void>;
}
