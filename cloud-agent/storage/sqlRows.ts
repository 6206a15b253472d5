/** Rows of the tables as records. Whole numbers pass through Number, since some drivers give them as text. */
import type { Selectable } from "kysely";
import type { CertificateRecord, EventRecord, VitalsRecord } from "../core/records.ts";
import type { Tables } from "./schema.ts";

export function eventOf(row: Selectable<Tables["events"]>): EventRecord {
  return {
    id: Number(row.id),
    atMs: Number(row.at_ms),
    kind: row.kind,
    serial: row.serial,
    rolloutId: row.rollout_id,
    sequence: row.sequence === null ? null : Number(row.sequence),
    code: row.code === null ? null : Number(row.code),
    text: row.text,
    data: JSON.parse(row.data),
  };
}

export function vitalsOf(row: Selectable<Tables["vitals"]>): VitalsRecord {
  return {
    serial: row.serial,
    atMs: Number(row.at_ms),
    sequence: Number(row.sequence),
    values: JSON.parse(row.document),
  };
}

export function document<T>(row: { document: string } | undefined): T | null {
  return row === undefined ? null : JSON.parse(row.document);
}

export function documents<T>(rows: { document: string }[]): T[] {
  return rows.map((row) => JSON.parse(row.document));
}

export function certificate(row: Tables["certificates"]): CertificateRecord {
  return { ...row, index: Number(row.index) };
}

export function certificateOrNull(
  row: Tables["certificates"] | undefined,
): CertificateRecord | null {
  return row === undefined ? null : certificate(row);
}
