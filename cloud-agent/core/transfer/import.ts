/** Takes in what another agent exported, device by device. What was taken is known by a running digest over its lines, so
 *  that the same file again changes nothing and a killed import goes on where it was. */
import { createHash } from "node:crypto";
import { Lifecycle } from "../../../firmware/protocol/messages.ts";
import type { Tx } from "../../storage/store.ts";
import { type CommandRecord, commands } from "../commands.ts";
import { type DeviceLogRecord, deviceLogs } from "../deviceLogs.ts";
import { documentKind } from "../documents.ts";
import { AgentCode, AgentError } from "../errors.ts";
import {
  newestSnapshots,
  type Snapshot,
  snapshotDigest,
  snapshotId,
  snapshots,
} from "../history/snapshot.ts";
import { lifecycleNames } from "../lifecycleNames.ts";
import { type RmaRecord, rmas } from "../quality/rma.ts";
import type { CertificateRecord, DeviceRecord } from "../records.ts";
import { spanKey } from "../vitals/spans.ts";
import type { Line } from "./lines.ts";
import { birthMismatch, lacksSecrets, type Portable, recordFrom } from "./portable.ts";

export interface ImportState {
  serial: string;
  /** lines that were taken, and the running digest over them (hex) */
  lines: number;
  digest: string;
  /** the device's record was written: its section ended */
  isWhole: boolean;
  atMs: number;
}

/** id: the serial */
export const imports = documentKind<ImportState>("import");
/** Certificates of another agent's chain: proof that stays proof, but no link of this chain. ref: the serial */
export const importedCertificates = documentKind<CertificateRecord>("importedCertificate");

export interface ReadLine {
  line: Line;
  /** the exact text, without its end */
  text: string;
}

/** What becomes of a device's section.
 *  @returns how many of its lines are there already */
export async function beginDevice(tx: Tx, { birth, record }: Portable): Promise<void> {
  const serial = birth.serial;
  if (record.serial !== serial) {
    throw conflict(serial, `its record is of ${String(record.serial)}`);
  }
  const { lifecycle } = record as { lifecycle: Lifecycle };
  if ([Lifecycle.Wiping, Lifecycle.ClaimPending, Lifecycle.Transfer].includes(lifecycle)) {
    const state = lifecycleNames[lifecycle];
    throw conflict(
      serial,
      `it is ${state} at the other agent; export it again when that has ended`,
    );
  }
  const known = await tx.device(serial);
  if (!known || (await tx.documents.get(imports, serial))) return;
  const different = birthMismatch(known.birth, birth);
  if (different !== null) throw conflict(serial, `its birth here has another ${different}`);
  const isFresh = known.lifecycle === Lifecycle.Released && known.lastSeenMs === null;
  if (!isFresh || known.account !== null) throw conflict(serial, "it has a life of its own here");
}

/** Checks lines of a section against what was taken of it before.
 *  @returns those that are new
 *  @throws AgentError ImportConflict when they are not the ones that were taken */
export function notTaken(
  state: ImportState | null,
  seen: { lines: number; digest: string },
  portion: ReadLine[],
): { fresh: ReadLine[]; seen: { lines: number; digest: string } } {
  const fresh: ReadLine[] = [];
  let { lines, digest } = seen;
  for (const one of portion) {
    lines++;
    digest = createHash("sha256").update(digest).update(one.text).digest("hex");
    if (state === null || lines > state.lines) fresh.push(one);
    else if (lines === state.lines && digest !== state.digest) {
      const atMs = new Date(state.atMs).toISOString();
      throw conflict(state.serial, `other lines of it were imported at ${atMs}`);
    }
  }
  if (state?.isWhole && fresh.length > 0) {
    throw conflict(state.serial, `${state.lines} lines of it were imported, here are more`);
  }
  return { fresh, seen: { lines, digest } };
}

/** Stores lines of one device, and how far it came. */
export async function takeLines(
  tx: Tx,
  state: ImportState,
  lines: readonly ReadLine[],
): Promise<void> {
  const { serial } = state;
  const of = (found: string) => {
    if (found !== serial) throw conflict(serial, `a line of ${found} is among its lines`);
  };
  const vitals = [];
  for (const { line } of lines) {
    if (line.kind === "event") {
      of(line.event.serial);
      await tx.appendEvent(line.event, line.event.atMs);
    } else if (line.kind === "hour" || line.kind === "day") {
      of(line.span.serial);
      await tx.spans.put([line.span]);
    } else if (line.kind === "vitals") {
      of(line.vitals.serial);
      vitals.push(line.vitals);
    } else if (line.kind === "return") {
      const value = line.return as unknown as RmaRecord;
      of(value.serial);
      await tx.documents.put(rmas, { id: value.id, ref: serial, value });
    } else if (line.kind === "command") {
      const given = line.command as unknown as CommandRecord;
      of(given.serial);
      // Nobody here ordered it, so nobody here sends it.
      const isOpen = given.state === "queued" || given.state === "sent";
      const value = isOpen ? { ...given, state: "expired" as const } : given;
      await tx.documents.put(commands, { id: rowId(serial, value.id), ref: serial, value });
    } else if (line.kind === "log") {
      const value = line.log as unknown as DeviceLogRecord;
      of(value.serial);
      await tx.documents.put(deviceLogs, { id: rowId(serial, value.id), ref: serial, value });
    } else if (line.kind === "snapshot") {
      const { atMs, device } = line.snapshot;
      const value = { atMs, device: device as unknown as Snapshot };
      await tx.documents.put(snapshots, { id: snapshotId(serial, atMs), ref: serial, value });
      const digest = snapshotDigest(value.device);
      await tx.documents.put(newestSnapshots, { id: serial, value: { digest } });
    } else if (line.kind === "certificate") {
      const value = line.certificate;
      of(value.serial);
      const id = `${serial} ${String(value.index).padStart(10, "0")}`;
      await tx.documents.put(importedCertificates, { id, ref: serial, value });
    }
  }
  await takeVitals(tx, vitals);
  await tx.documents.put(imports, { id: serial, ref: serial, value: state });
}

/** As commands.ts and deviceLogs.ts name theirs. */
function rowId(serial: string, id: number): string {
  return `${serial}/${String(id).padStart(10, "0")}`;
}

/** Samples that are in their hour already must not be rolled up into it once more. */
async function takeVitals(
  tx: Tx,
  rows: { serial: string; atMs: number; sequence: number; values: Record<string, number[]> }[],
): Promise<void> {
  if (rows.length === 0) return;
  const hourOf = ({ serial, atMs, sequence }: (typeof rows)[number]) => {
    const fromMs = Math.floor(atMs / 3_600_000) * 3_600_000;
    return { serial, kind: "hour" as const, fromMs, sequence };
  };
  const hours = await tx.spans.get(rows.map(hourOf));
  const lastMs = new Map(hours.map((span) => [spanKey(span), span.lastMs]));
  const isRolled = (row: (typeof rows)[number]) =>
    row.atMs <= (lastMs.get(spanKey(hourOf(row))) ?? -1);
  await tx.spans.keepRolled(rows.filter(isRolled));
  await tx.appendVitals(rows.filter((row) => !isRolled(row)));
}

/** Writes the record, last: until then nobody meets half a device.
 *  @returns what the import could not bring */
export async function endDevice(
  tx: Tx,
  state: ImportState,
  portable: Portable,
  masterKeys: Record<string, string>,
): Promise<string[]> {
  const { serial } = state;
  const known = await tx.device(serial);
  const sent: DeviceRecord = recordFrom(portable, known?.birth ?? null);
  const device = sent.commands ? { ...sent, commands: { ...sent.commands, open: 0 } } : sent;
  await tx.putDevice(device);
  await tx.documents.put(imports, { id: serial, ref: serial, value: { ...state, isWhole: true } });
  const told: string[] = [];
  if (lacksSecrets(device.birth)) {
    told.push("its birth is not registered here: it cannot connect, nor be claimed, until it is");
  }
  const kmId = kmIdOf(device);
  const own: Record<string, string> = JSON.parse((await tx.meta("kmCheck")) ?? "{}");
  const check = masterKeys[kmId];
  if (own[kmId] === undefined) told.push(`its key follows from master key ${kmId}, not held here`);
  else if (check !== undefined && !own[kmId].startsWith(check)) {
    told.push(
      `its key follows from the other agent's master key ${kmId}, here that is another one`,
    );
  }
  return told;
}

/** Number of the master key that the present device key follows from. */
function kmIdOf({ birth, epoch, epochKmIds = {} }: DeviceRecord): number {
  let found = birth.kmId;
  for (const [from, id] of Object.entries(epochKmIds)) if (Number(from) <= epoch) found = id;
  return found;
}

function conflict(serial: string, finding: string): AgentError {
  return new AgentError(AgentCode.ImportConflict, `device ${serial}: ${finding}`);
}
