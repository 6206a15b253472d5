import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { type Board, slotAddresses } from "../../boards/index.ts";
import { type KeySetRecord, keySetInForce, keySetOf } from "../../firmware/core/keySet.ts";
import type { BootRecord, SlotRecord, SlotsRecord } from "../../firmware/core/slots.ts";
import { IdAt } from "../../firmware/flash/identity.ts";
import { journal, Rec } from "../../firmware/flash/journal.ts";
import { h, setHal } from "../../firmware/hal/current.ts";
import type { NorFlash } from "../sim/flash/norFlash.ts";
import { codec, flashHal } from "./hal.ts";

/** What a flash says of itself, read by the device's own journal code. */
export interface FlashView {
  boot: BootRecord;
  slots: SlotsRecord;
  /** the active slot's record when CRC and SHA-256 of what stands there are its own */
  running: SlotRecord | null;
  floor: number;
  lifecycle: number;
  /** epoch of the key record; 0 = the key of birth, -1 = no key at all */
  epoch: number;
  isCommitted: boolean;
  settings: [revision: number, values: Record<string, unknown>] | null;
  wipeStage: number;
  /** the last command that was begun */
  command: [id: number, code: number, result: unknown] | null;
  hasReceipt: boolean;
  failed: unknown;
  /** bytes of an update that are done by its checkpoint; null = none is under way */
  downloadBytes: number | null;
  /** by which releases are judged */
  keySet: KeySetRecord;
  /** the next one, when it waits for a release */
  waitingKeySet: KeySetRecord | null;
}

const noSlots: SlotsRecord = [2, null, null, 0, 0, 0, 0];

/** Opens the journal of a flash as a start of the device does. It writes: give it a fork. */
export function openJournal(board: Board, flash: NorFlash, state: number[] = []) {
  const { plan, pageBytes } = board;
  setHal(flashHal(flash, board));
  const halfBytes = plan.journalHalfPages * pageBytes;
  return journal(plan.journalPage * pageBytes, halfBytes, pageBytes, state, codec);
}

/** Bytes of the record that each start writes. */
export const bootRecordBytes = 24;

/** Adds the records of so many starts that at most `roomBytes` and a record are left in the live half. */
export function fillJournal(board: Board, flash: NorFlash, roomBytes: number): void {
  const state: number[] = [];
  const j = openJournal(board, flash, state);
  const halfBytes = board.plan.journalHalfPages * board.pageBytes;
  // A half ends in a second copy of its header.
  const end = board.plan.journalPage * board.pageBytes + (state[0]! + 1) * halfBytes - 16;
  const boot: BootRecord = j.get(Rec.Boot) ?? [0, 0, 0, 0, ""];
  for (let n = 1; end - state[2]! >= roomBytes + bootRecordBytes; n++) {
    j.put(Rec.Boot, [boot[0] + n, ...boot.slice(1)]);
    if (n > halfBytes / bootRecordBytes) throw new Error("the journal takes no end");
  }
}

/** Reads a flash without changing it. */
export function viewOf(board: Board, flash: NorFlash): FlashView {
  const fork = flash.fork();
  fork.powerOn();
  const j = openJournal(board, fork);
  const { flashStart } = board;
  const slots: SlotsRecord = j.get(Rec.Slots) ?? noSlots;
  const slot = slots[0] < 2 ? (slots[slots[0] + 1] as SlotRecord | null) : null;
  const at = slotAddresses(board)[slots[0] === 1 ? 1 : 0]!;
  const text = slot && fork.read(flashStart + at, slot[1]);
  const key = j.get(Rec.Key);
  const kit = { h, get: (type: Rec) => j.get(type) ?? (type === Rec.Slots ? noSlots : null) };
  const deviceKey = fork.read(flashStart + IdAt.DeviceKey, 32);
  const next = keySetOf(kit, slots[4] + 1);
  return {
    boot: j.get(Rec.Boot) ?? [0, 0, 0, 0, ""],
    slots,
    running: slot && text && isWhole(slot, text) ? slot : null,
    floor: slots[3],
    lifecycle: j.get(Rec.Life)?.[0] ?? 0,
    epoch: key ? key[0] : deviceKey.some((b) => b !== 0) ? 0 : -1,
    isCommitted: key?.[4] === 1,
    settings: j.get(Rec.Settings),
    wipeStage: j.get(Rec.Wipe)?.[0] ?? 0,
    command: j.get(Rec.Command),
    hasReceipt: j.get(Rec.Receipt) !== null,
    failed: j.get(Rec.Failed),
    downloadBytes: j.get(Rec.Download)?.[5] ?? null,
    keySet: keySetInForce(kit),
    waitingKeySet: next?.[4] ? next : null,
  };
}

function isWhole(slot: SlotRecord, text: Uint8Array): boolean {
  if (crc32(text) >>> 0 !== slot[2]) return false;
  return createHash("sha256").update(text).digest().equals(slot[3]);
}
