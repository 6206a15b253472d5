/** What devices told of themselves when they were asked: last log lines, and how the start before ended. */
import type { DeviceLog } from "../../firmware/protocol/host/orderResult.ts";
import type { Tx } from "../storage/store.ts";
import { documentKind } from "./documents.ts";
import { deviceLogsMax } from "./limits.ts";
import type { DeviceRecord } from "./records.ts";

export interface DeviceLogRecord {
  serial: string;
  /** of the command that asked for it */
  id: number;
  atMs: number;
  /** release that ran */
  sequence: number;
  /** why the start that ran began (SPEC.md §4.2) */
  resetReason: number;
  /** last lines of that start, oldest first */
  lines: string[];
  /** how the start before it ended, where something noted it */
  ended: { code: number; text: string; lines: string[] } | null;
}

export const deviceLogs = documentKind<DeviceLogRecord>("deviceLog");

const linesOf = (log: string) => (log === "" ? [] : log.split("|"));

/** Keeps a log; the oldest of the device goes when there are too many. */
export async function keepLog(
  tx: Tx,
  device: DeviceRecord,
  told: DeviceLog & { id: number },
  nowMs: number,
): Promise<void> {
  const { serial, runningSequence: sequence } = device;
  const { id, resetReason, log, ended } = told;
  const value: DeviceLogRecord = {
    ...{ serial, id, atMs: nowMs, sequence, resetReason, lines: linesOf(log) },
    ended: ended && { code: ended.code, text: ended.text, lines: linesOf(ended.log) },
  };
  // Ids sort as text.
  const key = `${serial}/${String(id).padStart(10, "0")}`;
  await tx.documents.put(deviceLogs, { id: key, ref: serial, value });
  const all = await tx.documents.list(deviceLogs, { ref: serial, limit: deviceLogsMax + 1 });
  if (all.length > deviceLogsMax) await tx.documents.delete(deviceLogs, all[0]!.id);
}

/** The logs of a device, newest first. */
export async function logsOf(tx: Tx, serial: string): Promise<DeviceLogRecord[]> {
  const all = await tx.documents.list(deviceLogs, { ref: serial, limit: deviceLogsMax + 1 });
  return all.map(({ value }) => value).reverse();
}
