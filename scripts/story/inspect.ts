import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { type Board, firstPageOf, slotAddresses } from "../../boards/index.ts";
import type { BootRecord, SlotRecord, SlotsRecord } from "../../firmware/core/slots.ts";
import { journal, Rec } from "../../firmware/flash/journal.ts";
import { setHal } from "../../firmware/hal/current.ts";
import type { Hal, Piece } from "../../firmware/hal/hal.ts";
import { decode, encode } from "../../firmware/protocol/cbor.ts";

/** What a flash image says of itself, read by the device's own journal code on a copy. */
export interface FlashView {
  boot: BootRecord;
  slots: SlotsRecord;
  /** the active slot's record, when its CRC matches what stands there */
  running: SlotRecord | null;
  floor: number;
  failed: unknown;
  lifecycle: number;
  hasKey: boolean;
  wipeStage: number;
}

/** Reads the journal and checks the active slot against it. Changes nothing: it works on a copy. */
export function inspectFlash(board: Board, storage: Uint8Array): FlashView {
  const { plan, pageBytes } = board;
  const copy = new Uint8Array(storage);
  const before = -firstPageOf(plan) * pageBytes;
  const hal = copyHal(copy, pageBytes, before);
  setHal(hal);
  const j = journal(
    plan.journalPage * pageBytes,
    plan.journalHalfPages * pageBytes,
    pageBytes,
    [],
    {
      encode: (v) => hal.cat(encode(v) as Piece),
      decode,
    },
  );
  const slots: SlotsRecord = j.get(Rec.Slots) ?? [2, null, null, 0, 0, 0, 0];
  const slot = slots[0] < 2 ? (slots[slots[0] + 1] as SlotRecord | null) : null;
  const at = before + slotAddresses(board)[slots[0] === 1 ? 1 : 0]!;
  const isWhole =
    slot !== null &&
    crc32(storage.subarray(at, at + slot[1])) >>> 0 === slot[2] &&
    Buffer.from(slot[3]).equals(
      createHash("sha256")
        .update(storage.subarray(at, at + slot[1]))
        .digest(),
    );
  return {
    boot: j.get(Rec.Boot) ?? [0, 0, 0, 0, ""],
    slots,
    running: isWhole ? slot : null,
    floor: slots[3],
    failed: j.get(Rec.Failed),
    lifecycle: j.get(Rec.Life)?.[0] ?? 0,
    hasKey: j.get(Rec.Key) !== null,
    wipeStage: j.get(Rec.Wipe)?.[0] ?? 0,
  };
}

/** Only what the journal needs; anything else is a mistake of this file and says so. */
function copyHal(flash: Uint8Array, pageBytes: number, before: number): Hal {
  const bytes = (piece: Piece): number[] =>
    typeof piece === "number"
      ? [piece & 255]
      : typeof piece === "string"
        ? [...Buffer.from(piece, "latin1")]
        : Array.from(piece as Iterable<Piece>).flatMap(bytes);
  const hal: Partial<Hal> = {
    cat: (piece) => Uint8Array.from(bytes(piece)),
    crc: (data) => crc32(typeof data === "string" ? Buffer.from(data, "latin1") : data) >>> 0,
    read: (addr, len) => flash.slice(before + addr, before + addr + len),
    write: (addr, data) => data.forEach((b, i) => void (flash[before + addr + i]! &= b)),
    erase: (addr) => void flash.fill(255, before + addr, before + addr + pageBytes),
  };
  return hal as Hal;
}
