import type { VitalsRecord } from "../records.ts";
import type { SpanKey, SpanKind, VitalsSpan } from "./spans.ts";

/** What rolling up and deleting need of the database, beside the appending and reading of raw rows. */
export interface VitalsSpans {
  /** Raw rows behind a number, in the order they were appended. */
  rawAfter(id: number, limit: number): Promise<(VitalsRecord & { id: number })[]>;
  /** Raw rows of one device in order of time, behind one of them. */
  rawOf(page: {
    serial: string;
    after: { atMs: number; id: number };
    limit: number;
  }): Promise<(VitalsRecord & { id: number })[]>;
  /** Stores raw rows that are part of their hours already: none of them is rolled up again. */
  keepRolled(rows: VitalsRecord[]): Promise<void>;
  /** Those that are there, in no order. */
  get(keys: SpanKey[]): Promise<VitalsSpan[]>;
  /** For each device the hour that begins last: of several releases the one that came last. */
  newest(serials: string[]): Promise<VitalsSpan[]>;
  /** Replaces what was there under serial, kind, begin and release. */
  put(spans: VitalsSpan[]): Promise<void>;
  /** The newest `limit` spans of one device, oldest first. */
  ofDevice(filter: {
    serial: string;
    kind: SpanKind;
    sinceMs?: number;
    untilMs?: number;
    limit: number;
  }): Promise<VitalsSpan[]>;
  /** Spans of these devices that begin within a time, by serial and begin. */
  ofDevices(filter: {
    kind: SpanKind;
    serials: string[];
    sinceMs: number;
    untilMs: number;
  }): Promise<VitalsSpan[]>;
  /** Deletes raw rows that are older than beforeMs, or more than rowsMax; none behind uptoId. @returns how many */
  deleteRaw(options: {
    uptoId: number;
    beforeMs: number;
    rowsMax: number;
    limit: number;
  }): Promise<number>;
  /** Deletes spans of these devices that begin before a time. @returns how many */
  deleteSpans(kind: SpanKind, serials: string[], beforeMs: number): Promise<number>;
}
