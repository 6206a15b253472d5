/** Holds what is paid for against what is in use: devices whose entitlement goes on and that do not come, and devices that
 *  come and that nobody pays for. */
import { Lifecycle } from "../../firmware/protocol/messages.ts";
import type { Tx } from "../storage/store.ts";
import { documentKind } from "./documents.ts";
import { AgentCode, AgentError } from "./errors.ts";
import { enqueue } from "./outbox/outbox.ts";
import { isEntitled } from "./ownership.ts";
import type { DeviceRecord } from "./records.ts";

/** Devices that each list names; the counts are of all. 2 × 250 lines of some 200 bytes are 100 kB. */
export const listedMax = 250;
/** Two months of nights. */
export const keptMax = 60;

export interface Mismatch {
  serial: string;
  account: string | null;
  plan: string | null;
  /** end of the entitlement, whether planned or by hand; null: none, or open */
  untilMs: number | null;
  lastSeenMs: number | null;
  /** never, silent: inactive; none, ended: not entitled */
  why: "never" | "silent" | "none" | "ended";
}

export interface Mismatches {
  count: number;
  /** the first ones by serial */
  listed: Mismatch[];
}

export interface Reconciliation {
  id: string;
  /** wall clock, when the first device was looked at; all are judged by it */
  atMs: number;
  /** "nightly", or who asked for it */
  by: string;
  inactiveDays: number;
  /** in service */
  devices: number;
  /** of those, with an entitlement on record, whether it goes on or not */
  known: number;
  entitled: number;
  active: number;
  entitledInactive: Mismatches;
  activeNotEntitled: Mismatches;
}

export const reconciliations = documentKind<Reconciliation>("reconciliation");

export function newReconciliation(begun: {
  atMs: number;
  by: string;
  inactiveDays: number;
}): Reconciliation {
  return {
    ...begun,
    id: String(begun.atMs).padStart(15, "0"),
    ...{ devices: 0, known: 0, entitled: 0, active: 0 },
    entitledInactive: { count: 0, listed: [] },
    activeNotEntitled: { count: 0, listed: [] },
  };
}

/** Adds devices, in order of serial. Those that nobody has claimed yet, and those that leave or have left, do not count:
 *  what still comes of them is the zombie alert's. Pure but for the report. */
export function addDevices(report: Reconciliation, devices: readonly DeviceRecord[]): void {
  for (const device of devices) {
    if (!isInService(device)) continue;
    report.devices++;
    const { lastSeenMs } = device;
    const sinceMs = report.atMs - report.inactiveDays * 86_400_000;
    const pays = isEntitled(device, report.atMs);
    const comes = lastSeenMs !== null && lastSeenMs >= sinceMs;
    if (device.entitlement) report.known++;
    if (pays) report.entitled++;
    if (comes) report.active++;
    if (pays && !comes) {
      note(report.entitledInactive, device, lastSeenMs === null ? "never" : "silent");
    }
    if (comes && !pays) {
      note(report.activeNotEntitled, device, device.entitlement ? "ended" : "none");
    }
  }
}

/** Stores a report and tells it: an event, and one entry of the outbox for each output that is about reconciliation. Where
 *  nobody tells of entitlements there is nothing to hold against each other, and outputs are not told. */
export async function keepReconciliation(
  tx: Tx,
  report: Reconciliation,
  edge: { steadyMs: number; wallMs: number; outputs: readonly string[] },
): Promise<void> {
  const { id, by, devices, known, entitled, active } = report;
  await tx.documents.put(reconciliations, { id, value: report });
  const surplus = (await tx.documents.count(reconciliations)) - keptMax;
  const old = surplus > 0 ? await tx.documents.list(reconciliations, { limit: surplus }) : [];
  for (const one of old) await tx.documents.delete(reconciliations, one.id);
  const text = textOf(report);
  const counts = {
    entitledInactive: report.entitledInactive.count,
    activeNotEntitled: report.activeNotEntitled.count,
  };
  const data = { id, by, devices, known, entitled, active, ...counts };
  await tx.appendEvent({ kind: "reconciled", text, data }, edge.wallMs);
  if (known === 0) return;
  const kind = "reconciliation";
  const body = { kind, subject: "Entitlements and devices", text, reconciliation: report };
  for (const output of edge.outputs) await enqueue(tx, { output, kind, stream: kind, body }, edge);
}

/** @throws AgentError NotFound */
export async function needReconciliation(tx: Tx, id: string): Promise<Reconciliation> {
  const report = await tx.documents.get(reconciliations, id);
  if (report) return report;
  throw new AgentError(AgentCode.NotFound, `reconciliation ${id}: there is none with this id`);
}

function textOf({ devices, entitledInactive, activeNotEntitled, inactiveDays }: Reconciliation) {
  return (
    `Of ${devices} devices in service ${entitledInactive.count} are entitled and did not come for ${inactiveDays} days, ` +
    `${activeNotEntitled.count} come and are not entitled.`
  );
}

function isInService({ lifecycle, grantPending }: DeviceRecord): boolean {
  // A granted claim counts: the device may hold its key although its COMMIT was lost.
  if (lifecycle === Lifecycle.ClaimPending) return grantPending;
  return lifecycle === Lifecycle.Operating || lifecycle === Lifecycle.Maintenance;
}

function note(mismatches: Mismatches, device: DeviceRecord, why: Mismatch["why"]): void {
  mismatches.count++;
  if (mismatches.listed.length >= listedMax) return;
  const { serial, account, entitlement, lastSeenMs } = device;
  const untilMs = entitlement?.endedMs ?? entitlement?.untilMs ?? null;
  const plan = entitlement?.plan ?? null;
  mismatches.listed.push({ serial, account, plan, untilMs, lastSeenMs, why });
}
