/** Erases what is stored of a device that has left: what it measured, what it did, whose it was and where. Its birth and
 *  its certificates stay, because they prove what was made and that it was wiped; so does one event with the counts. */
import { Lifecycle } from "../../firmware/protocol/messages.ts";
import type { Tx } from "../storage/store.ts";
import { commands } from "./commands.ts";
import { deviceLogs } from "./deviceLogs.ts";
import type { DocumentKind } from "./documents.ts";
import { AgentCode, AgentError } from "./errors.ts";
import { forgetSnapshots, snapshots } from "./history/snapshot.ts";
import { needDevice } from "./lifecycle.ts";
import { endedSagas, eraseSagas } from "./provisioning/store.ts";
import { type RmaRecord, rmas } from "./quality/rma.ts";
import { imports } from "./transfer/import.ts";

/** Rows of one transaction: check-ins come in between. */
export const erasedAtOnceMax = 2_000;

export interface ErasedCounts {
  vitals: number;
  spans: number;
  events: number;
  returns: number;
  /** calls to other systems about it that have ended */
  provisionings: number;
  /** states it was in, kept for questions about the past */
  snapshots: number;
  commands: number;
  logs: number;
}

/** What an erasure of the device would take now. @throws AgentError UnknownDevice, DeviceInService */
export async function countErasable(tx: Tx, serial: string): Promise<ErasedCounts> {
  await needLeft(tx, serial);
  const notes = await tx.documents.list(rmas, { ref: serial, limit: erasedAtOnceMax });
  const kept = await tx.documents.count(snapshots, { ref: serial });
  return {
    provisionings: await tx.documents.count(endedSagas, { ref: serial }),
    commands: await tx.documents.count(commands, { ref: serial }),
    logs: await tx.documents.count(deviceLogs, { ref: serial }),
    ...(await tx.countErasable(serial)),
    returns: notes.filter(({ value }) => hasNotes(value)).length,
    snapshots: Math.max(0, kept - 1),
  };
}

/** Erases the next portion. @returns what went; all zero when nothing is left
 *  @throws AgentError UnknownDevice, DeviceInService unless it is released or retired */
export async function eraseNext(tx: Tx, serial: string): Promise<ErasedCounts> {
  await needLeft(tx, serial);
  const rows = await tx.eraseDevice(serial, erasedAtOnceMax);
  const notes = await tx.documents.list(rmas, { ref: serial, limit: erasedAtOnceMax });
  let returns = 0;
  for (const { id, value } of notes) {
    if (!hasNotes(value)) continue;
    await tx.documents.put(rmas, { id, ref: serial, value: withoutNotes(value) });
    returns++;
  }
  const provisionings = await eraseSagas(tx, serial, erasedAtOnceMax);
  return {
    ...{ ...rows, returns, provisionings, snapshots: await forgetSnapshots(tx, serial) },
    commands: await forgetAll(tx, commands, serial),
    logs: await forgetAll(tx, deviceLogs, serial),
  };
}

async function forgetAll<T>(tx: Tx, kind: DocumentKind<T>, serial: string): Promise<number> {
  const all = await tx.documents.list(kind, { ref: serial, limit: erasedAtOnceMax });
  for (const { id } of all) await tx.documents.delete(kind, id);
  return all.length;
}

async function needLeft(tx: Tx, serial: string): Promise<void> {
  const { lifecycle } = await needDevice(tx, serial);
  if (lifecycle === Lifecycle.Retired || lifecycle === Lifecycle.Released) return;
  throw new AgentError(
    AgentCode.DeviceInService,
    `device ${serial}: expected a retired or unclaimed one, it is in service or leaving`,
  );
}

/** Blanks the record and notes that it was done. */
export async function endErasure(
  tx: Tx,
  input: { serial: string; person: string; counts: ErasedCounts },
  nowMs: number,
): Promise<void> {
  const { serial, person, counts } = input;
  const device = await needDevice(tx, serial);
  await tx.putDevice({
    ...device,
    ...{ account: null, entitlement: null, consent: null },
    ...{ group: null, site: null, tags: [] },
    ...{ lastFailed: null, refused: null, download: null, wantedSettings: null },
    ...{ settingsRefused: {}, latestVitals: undefined },
    commands: device.commands && { open: 0, lastId: device.commands.lastId },
  });
  // The same file may be imported again only where nothing is stored of the device.
  await tx.documents.delete(imports, serial);
  // The blank record has left a snapshot of its own; the one before it still told where the device was.
  await forgetSnapshots(tx, serial);
  const { vitals, spans, events, returns, commands, logs } = counts;
  const text =
    `${person} erased what was stored of ${serial}: ${vitals} samples, ${spans} hours and days, ${events} events, ` +
    `notes of ${returns} returns, ${commands} commands, ${logs} logs.`;
  await tx.appendEvent({ kind: "dataErased", serial, text, data: { ...counts, person } }, nowMs);
}

function hasNotes(record: RmaRecord): boolean {
  return JSON.stringify(withoutNotes(record)) !== JSON.stringify(record);
}

/** Counts of failures need the code and the parts; what people wrote goes. */
function withoutNotes(record: RmaRecord): RmaRecord {
  const { teardown } = record;
  return {
    ...record,
    ...{ notes: "", person: "" },
    found: { ...record.found, lastVitals: null, lastFailed: null },
    teardown: teardown && { ...teardown, finding: "", person: "" },
  };
}
