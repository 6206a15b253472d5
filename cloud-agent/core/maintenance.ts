/** Maintenance of a device: nothing is offered to it and nothing of it alerts, until somebody ends it or its time does. */
import { Lifecycle } from "../../firmware/protocol/messages.ts";
import type { Tx } from "../storage/store.ts";
import { documentKind } from "./documents.ts";
import { AgentCode, AgentError } from "./errors.ts";
import { needDevice, needOperating } from "./lifecycle.ts";
import type { DeviceRecord } from "./records.ts";
import { timeWords } from "./rollout/words.ts";

export interface Maintenance {
  reason: string;
  person: string;
  /** wall clock */
  sinceMs: number;
  untilMs: number;
}

/** Due when it ends by itself, on the listening clock. */
const ends = documentKind<{ serial: string }>("maintenanceEnd");
const endedAtOnceMax = 100;

export interface MaintenanceEdge {
  steadyMs: number;
  wallMs: number;
}

/** Begins maintenance, or gives it another end and reason.
 *  @throws AgentError those of needOperating */
export async function beginMaintenance(
  tx: Tx,
  input: { serial: string; forMs: number; reason: string; person: string },
  edge: MaintenanceEdge,
): Promise<DeviceRecord> {
  const { serial, forMs, reason, person } = input;
  const device = await needOperating(tx, serial);
  const sinceMs = device.maintenance?.sinceMs ?? edge.wallMs;
  const untilMs = edge.wallMs + forMs;
  const maintenance = { reason, person, sinceMs, untilMs };
  const paused: DeviceRecord = { ...device, lifecycle: Lifecycle.Maintenance, maintenance };
  await tx.putDevice(paused);
  const dueMs = edge.steadyMs + forMs;
  await tx.documents.put(ends, { id: serial, ref: serial, dueMs, value: { serial } });
  const text = `${person} works on ${serial} until ${timeWords(untilMs)}: ${reason}.`;
  const data = { untilMs, reason, person };
  await tx.appendEvent({ kind: "maintenanceBegan", serial, text, data }, edge.wallMs);
  return paused;
}

/** @throws AgentError UnknownDevice, NotInMaintenance */
export async function endMaintenance(
  tx: Tx,
  input: { serial: string; person: string },
  edge: MaintenanceEdge,
): Promise<DeviceRecord> {
  const device = await needDevice(tx, input.serial);
  if (device.lifecycle !== Lifecycle.Maintenance) {
    throw new AgentError(
      AgentCode.NotInMaintenance,
      `device ${input.serial}: expected it to be under maintenance, it is not`,
    );
  }
  return end(tx, device, `${input.person} ended the maintenance of ${input.serial}.`, edge);
}

/** Ends what is due. @returns serials, at most 100 */
export async function endDueMaintenance(tx: Tx, edge: MaintenanceEdge): Promise<string[]> {
  const due = await tx.documents.list(ends, { dueByMs: edge.steadyMs, limit: endedAtOnceMax });
  const serials: string[] = [];
  for (const { id } of due) {
    await tx.documents.delete(ends, id);
    const device = await tx.device(id);
    if (!device) continue;
    if (device.lifecycle !== Lifecycle.Maintenance) {
      // It was decommissioned meanwhile: its state stays, and its next owner is not shown this.
      await tx.putDevice({ ...device, maintenance: null });
      continue;
    }
    await end(tx, device, `The maintenance of ${id} ended at its time.`, edge);
    serials.push(id);
  }
  return serials;
}

async function end(
  tx: Tx,
  device: DeviceRecord,
  text: string,
  edge: MaintenanceEdge,
): Promise<DeviceRecord> {
  const { serial } = device;
  const back: DeviceRecord = { ...device, lifecycle: Lifecycle.Operating, maintenance: null };
  await tx.putDevice(back);
  await tx.documents.delete(ends, serial);
  await tx.appendEvent({ kind: "maintenanceEnded", serial, text }, edge.wallMs);
  return back;
}
