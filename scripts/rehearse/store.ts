/** What a rehearsal needs of the agent's store, in memory: the agent's own tests check it against SQL, here it is fast. Vitals become the sums that
 *  a verdict reads, at once; events are counted and, where they belong to a rollout, kept. */
import type { DocumentKind, Documents, StoredDocument } from "../../cloud-agent/core/documents.ts";
import type {
  DeviceRecord,
  EventRecord,
  NewEvent,
  ReleaseRecord,
  VitalsRecord,
} from "../../cloud-agent/core/records.ts";
import type { RolloutRecord } from "../../cloud-agent/core/rollout/types.ts";
import {
  emptySummary,
  noteSample,
  type VitalsSummary,
} from "../../cloud-agent/core/rollout/verdict/summary.ts";
import type { Store, Tx } from "../../cloud-agent/storage/store.ts";

/** Events of rollouts that are kept: waves, verdicts, halts; those of single devices are counted only. */
const rolloutEventsMax = 10_000;

export class MemoryStore implements Store {
  readonly devices = new Map<string, DeviceRecord>();
  readonly summaries = new Map<string, VitalsSummary>();
  readonly eventCounts = new Map<string, number>();
  readonly rolloutEvents: EventRecord[] = [];
  /** where the vitals of a wave begin to be judged */
  cutMs = 0;
  readonly #rollouts = new Map<string, RolloutRecord>();
  readonly #releases = new Map<number, ReleaseRecord>();
  readonly #blobs = new Map<string, Uint8Array>();
  readonly #meta = new Map<string, string>();
  readonly #documents = new Map<string, Map<string, StoredDocument<unknown>>>();
  readonly #tx: Tx;
  #eventId = 0;
  #plansRevision = 0;

  constructor() {
    this.#tx = this.#makeTx();
  }

  /** One thread, one message at a time: nothing has to be rolled back, because an error ends the rehearsal. */
  tx<T>(fn: (tx: Tx) => Promise<T>): Promise<T> {
    return fn(this.#tx);
  }

  onEvents(): () => void {
    return () => {};
  }

  async close(): Promise<void> {}

  #touchPlans(): void {
    this.#meta.set("plansRevision", String(++this.#plansRevision));
  }

  #append(event: NewEvent, nowMs: number): EventRecord {
    const record: EventRecord = {
      id: ++this.#eventId,
      atMs: nowMs,
      serial: null,
      rolloutId: null,
      sequence: null,
      code: null,
      data: {},
      ...event,
    };
    this.eventCounts.set(event.kind, (this.eventCounts.get(event.kind) ?? 0) + 1);
    const isKept = record.rolloutId !== null && record.serial === null;
    if (isKept && this.rolloutEvents.length < rolloutEventsMax) this.rolloutEvents.push(record);
    return record;
  }

  #note({ serial, ...sample }: VitalsRecord): void {
    let summary = this.summaries.get(serial);
    if (summary === undefined) this.summaries.set(serial, (summary = emptySummary()));
    noteSample(summary, sample, this.cutMs);
  }

  #makeTx(): Tx {
    const tx: Partial<Tx> = {
      documents: this.#makeDocuments(),
      device: async (serial) => this.devices.get(serial) ?? null,
      putDevice: async (device) => {
        this.devices.set(device.serial, device);
      },
      appendEvent: async (event, nowMs) => this.#append(event, nowMs),
      release: async (sequence) => this.#releases.get(sequence) ?? null,
      putRelease: async (release) => {
        this.#releases.set(release.sequence, release);
        this.#touchPlans();
      },
      releases: async () => [...this.#releases.values()],
      blob: async (kind, sequence, classId) =>
        this.#blobs.get(`${kind} ${sequence} ${classId}`) ?? null,
      putBlob: async (kind, sequence, classId, bytes) => {
        this.#blobs.set(`${kind} ${sequence} ${classId}`, bytes);
      },
      rollout: async (id) => this.#rollouts.get(id) ?? null,
      putRollout: async (rollout) => {
        this.#rollouts.set(rollout.id, rollout);
        this.cutMs = rollout.waveStartedMs;
        this.#touchPlans();
      },
      rollouts: async () => [...this.#rollouts.values()],
      appendVitals: async (rows) => {
        for (const row of rows) this.#note(row);
      },
      meta: async (key) => this.#meta.get(key) ?? null,
      putMeta: async (key, value) => {
        this.#meta.set(key, value);
      },
    };
    return new Proxy(tx as Tx, {
      get(target, name: keyof Tx) {
        if (name in target) return target[name];
        throw new Error(`rehearsal: its store has no ${name}; add it to scripts/rehearse/store.ts`);
      },
    });
  }

  #makeDocuments(): Documents {
    const of = <T>(kind: DocumentKind<T>) => {
      let all = this.#documents.get(kind.name);
      if (all === undefined) this.#documents.set(kind.name, (all = new Map()));
      return all as Map<string, StoredDocument<T>>;
    };
    return {
      get: async (kind, id) => of(kind).get(id)?.value ?? null,
      put: async (kind, { id, value, ref = null, dueMs = null }) => {
        of(kind).set(id, { id, value, ref, dueMs });
      },
      delete: async (kind, id) => of(kind).delete(id),
      list: async (kind, { ref, after = "", dueByMs, limit }) =>
        [...of(kind).values()]
          .filter((one) => (ref === undefined || one.ref === ref) && one.id > after)
          .filter((one) => dueByMs === undefined || (one.dueMs !== null && one.dueMs <= dueByMs))
          .sort((left, right) =>
            dueByMs === undefined ? (left.id < right.id ? -1 : 1) : left.dueMs! - right.dueMs!,
          )
          .slice(0, limit),
      count: async (kind, { ref } = {}) =>
        [...of(kind).values()].filter((one) => ref === undefined || one.ref === ref).length,
    };
  }
}
