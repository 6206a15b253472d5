/** Devices that came back: what failed, and what was found when they were opened. */

import type { Tx } from "../../storage/store.ts";
import { documentKind } from "../documents.ts";
import { AgentCode, AgentError } from "../errors.ts";
import { type Edge, needDevice } from "../lifecycle.ts";
import type { VitalsRecord } from "../records.ts";

export interface RmaRecord {
  id: string;
  serial: string;
  /** the maker's own word: "no-boot", "battery-swollen" */
  failureCode: string;
  notes: string;
  status: "open" | "closed";
  openedMs: number;
  closedMs: number | null;
  person: string;
  /** copied at the opening, because the device record goes on changing */
  found: {
    model: string;
    board: string;
    batch: string;
    station: string;
    lots: Record<string, string>;
    runningSequence: number;
    lastVitals: VitalsRecord | null;
    lastFailed: { sequence: number; code: number; text: string } | null;
  };
  teardown: Teardown | null;
}

export interface Teardown {
  /** what was wrong */
  finding: string;
  /** component at fault and its lot, where it was one */
  component: string | null;
  lot: string | null;
  person: string;
  atMs: number;
}

export const rmas = documentKind<RmaRecord>("rma");

/** Opens a record of a returned device. @throws AgentError UnknownDevice, RmaStateWrong when one is open already */
export async function openRma(
  tx: Tx,
  input: { serial: string; failureCode: string; notes: string },
  edge: Edge & { person: string },
): Promise<RmaRecord> {
  const device = await needDevice(tx, input.serial);
  const known = await tx.documents.list(rmas, { ref: input.serial, limit: 1000 });
  const open = known.find(({ value }) => value.status === "open");
  if (open) {
    throw new AgentError(
      AgentCode.RmaStateWrong,
      `device ${input.serial}: expected no open return, found ${open.id}`,
    );
  }
  const { birth, lastFailed } = device;
  const [lastVitals = null] = (await tx.vitals({ serial: input.serial, limit: 1 })).slice(-1);
  const record: RmaRecord = {
    id: `${String(edge.nowMs).padStart(15, "0")}-${Buffer.from(edge.random.bytes(3)).toString("hex")}`,
    ...input,
    status: "open",
    openedMs: edge.nowMs,
    closedMs: null,
    person: edge.person,
    found: {
      ...{ model: birth.model, board: birth.board, batch: birth.batch, station: birth.station },
      lots: birth.lots ?? {},
      runningSequence: device.runningSequence,
      lastVitals,
      lastFailed: lastFailed && {
        ...{ sequence: lastFailed.sequence, code: lastFailed.code, text: lastFailed.text },
      },
    },
    teardown: null,
  };
  await store(tx, record, "rmaOpened", `came back: ${input.failureCode}`, edge);
  return record;
}

/** Notes what was found inside. @throws AgentError NotFound, RmaStateWrong for a closed one */
export async function tearDown(
  tx: Tx,
  id: string,
  input: { finding: string; component: string | null; lot: string | null },
  edge: Edge & { person: string },
): Promise<RmaRecord> {
  const before = await needOpen(tx, id);
  const teardown = { ...input, person: edge.person, atMs: edge.nowMs };
  const record = { ...before, teardown };
  await store(tx, record, "rmaTornDown", `was opened: ${input.finding}`, edge);
  return record;
}

/** Ends the record. @throws AgentError NotFound, RmaStateWrong */
export async function closeRma(
  tx: Tx,
  id: string,
  edge: Edge & { person: string },
): Promise<RmaRecord> {
  const before = await needOpen(tx, id);
  const record: RmaRecord = { ...before, status: "closed", closedMs: edge.nowMs };
  await store(tx, record, "rmaClosed", "is done with", edge);
  return record;
}

/** @throws AgentError NotFound */
export async function needRma(tx: Tx, id: string): Promise<RmaRecord> {
  const record = await tx.documents.get(rmas, id);
  if (record) return record;
  throw new AgentError(AgentCode.NotFound, `return ${id}: there is none with this id`);
}

async function needOpen(tx: Tx, id: string): Promise<RmaRecord> {
  const record = await needRma(tx, id);
  if (record.status === "open") return record;
  throw new AgentError(AgentCode.RmaStateWrong, `return ${id}: expected an open one, it is closed`);
}

async function store(
  tx: Tx,
  record: RmaRecord,
  kind: string,
  words: string,
  edge: Edge & { person: string },
): Promise<void> {
  await tx.documents.put(rmas, { id: record.id, ref: record.serial, value: record });
  const text = `${edge.person}: ${record.serial} ${words}.`;
  const data = { rmaId: record.id, failureCode: record.failureCode };
  await tx.appendEvent({ kind, serial: record.serial, text, data }, edge.nowMs);
}
