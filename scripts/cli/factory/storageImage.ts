import { crc32 } from "node:zlib";
import { type Board, firstPageOf, slotAddresses, slotBytesOf } from "../../../boards/index.ts";
import { encode } from "../../../firmware/protocol/host/cbor.ts";
import { coreArea, headerBytes } from "../build/boardFields.ts";
import { coreTextsAt, page0PartsAt } from "../build/core.ts";
import { decodeIdentity, identityBytes, identityOffset } from "./identity.ts";
import { LayoutError } from "./layoutError.ts";

/** The image that a device leaves the factory with. */
export interface FactorySlot {
  /** a character per byte */
  text: string;
  sequence: number;
  /** SHA-256 of the text's bytes */
  digest: Uint8Array;
  floor: number;
  trialMinutes: number;
}

/** What goes into a new device's Storage. */
export interface StorageInput {
  /** from encodeIdentity */
  identity: Uint8Array;
  /** parts of the core that stand in page 0; "" when there are none */
  page0Text: string;
  coreText: string;
  boot0Text: string;
  /** image in slot A, confirmed; null = the device starts in recovery */
  slotA: FactorySlot | null;
  /** lifecycle of SPEC.md §4; a device leaves the line as 1, released */
  lifecycle: number;
}

const commitMark = 0x5aa5c33c;
const recordSlots = 2;
const recordLife = 9;
/** Seconds between check-ins until the agent says otherwise. */
const checkInS = 60;

/** Composes the whole Storage of a new device, and the flash before it that its plan names, to be written once.
 *  Files fill Storage to the last byte: nothing can be appended, and the interpreter's compaction has
 *  nothing to do.
 *  @returns all pages from firstPageOf(plan) to the last one
 *  @throws LayoutError STORAGE_INVALID when a text does not fit; IDENTITY_INVALID for a broken
 *  identity
 *  Source: SPEC.md §2 */
export function composeStorage(board: Board, input: StorageInput): Uint8Array {
  const { plan, pageBytes } = board;
  const before = -firstPageOf(plan) * pageBytes;
  const storage = new Uint8Array(before + plan.totalPages * pageBytes).fill(0xff);
  const put = (bytes: Uint8Array, address: number) => storage.set(bytes, before + address);
  const identity = decodeIdentity(input.identity);
  put(input.identity.subarray(0, identityBytes), identityOffset);
  const core = coreArea(board);
  if (plan.kind === "fixed") {
    const at = plan.journalPage * pageBytes;
    put(fileHeader("slots", plan.totalPages * pageBytes - at), at - headerBytes);
  } else put(fileHeader("slots", core.offset - headerBytes), 0);
  const page0 = bytesOf(input.page0Text);
  if (page0PartsAt + page0.length > pageBytes)
    throw tooLarge("page 0", pageBytes - page0PartsAt, page0.length);
  put(page0, page0PartsAt);
  if (input.slotA) {
    const slotBytes = slotBytesOf(board);
    const image = bytesOf(input.slotA.text);
    if (image.length > slotBytes) throw tooLarge("slot A", slotBytes, image.length);
    put(image, slotAddresses(board)[0]!);
  }
  const half = firstJournalHalf(input, identity.keySetVersion);
  const halfBytes = plan.journalHalfPages * pageBytes;
  if (half.length > halfBytes) throw tooLarge("journal half", halfBytes, half.length);
  put(half, plan.journalPage * pageBytes);
  for (const [address, bytes] of coreFiles(board, input)) put(bytes, address);
  return storage;
}

/** File `core` and file `.boot0`, padded with spaces so that they fill the area exactly.
 *  @returns pieces by their address: where the image is fixed, it lies inside file `core` */
function coreFiles(board: Board, input: StorageInput): [address: number, bytes: Uint8Array][] {
  const area = coreArea(board);
  const textsAt = coreTextsAt(board);
  const end = area.offset + area.bytes;
  // The interpreter looks for the next header at its own alignment: one flash word.
  const unit = board.writeUnitBytes === 8 ? 8 : 4;
  const boot0 = input.boot0Text.padEnd(Math.ceil(input.boot0Text.length / unit) * unit);
  const boot0At = end - boot0.length;
  const coreEnd = boot0At - headerBytes;
  if (input.coreText.length > coreEnd - textsAt)
    throw tooLarge(
      "core and .boot0",
      end - textsAt - headerBytes,
      input.coreText.length + boot0.length,
    );
  return [
    [area.offset, fileHeader("core", coreEnd - area.offset - headerBytes)],
    // `core` takes the padding: .boot0 is read to its end at every start.
    [textsAt, bytesOf(input.coreText.padEnd(coreEnd - textsAt))],
    [coreEnd, fileHeader(".boot0", boot0.length)],
    [boot0At, bytesOf(boot0)],
  ];
}

/** Journal half 0 as the factory leaves it: the records, and the header that makes it the live one.
 */
function firstJournalHalf(input: StorageInput, keySetVersion: number): Uint8Array {
  const slot = input.slotA;
  const image = slot && bytesOf(slot.text);
  const slotA =
    slot && image
      ? [
          slot.sequence,
          image.length,
          crc32(image),
          slot.digest,
          slot.floor,
          slot.trialMinutes,
          0,
          null,
        ]
      : null;
  const slots = [slot ? 0 : 2, slotA, null, slot ? slot.floor : 0, keySetVersion, 0, 0];
  const header = new Uint8Array(16);
  const view = new DataView(header.buffer);
  header.set(bytesOf("FLJ1"));
  view.setUint32(4, 1, true);
  view.setUint32(8, crc32(header.subarray(0, 8)), true);
  return concat([
    header,
    journalRecord(recordSlots, 1, encode(slots)),
    journalRecord(recordLife, 2, encode([input.lifecycle, 0, checkInS])),
  ]);
}

/** One journal record in whole 8-byte units.
 *  Source: SPEC.md §2.2 */
export function journalRecord(type: number, sequence: number, payload: Uint8Array): Uint8Array {
  const padded = Math.ceil(payload.length / 8) * 8;
  const record = new Uint8Array(8 + padded + 8);
  const view = new DataView(record.buffer);
  record[0] = type;
  view.setUint16(2, payload.length, true);
  view.setUint32(4, sequence, true);
  record.set(payload, 8);
  view.setUint32(8 + padded, crc32(record.subarray(0, 8 + payload.length)), true);
  view.setUint32(12 + padded, commitMark, true);
  return record;
}

/** Header of a Storage file: size, then the name padded with zeros. */
export function fileHeader(name: string, bytes: number): Uint8Array {
  const header = new Uint8Array(headerBytes);
  new DataView(header.buffer).setUint32(0, bytes, true);
  header.set(bytesOf(name), 4);
  return header;
}

function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

function concat(pieces: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces));
}

function tooLarge(name: string, expected: number, found: number): LayoutError {
  return new LayoutError(
    "STORAGE_INVALID",
    `${name}: expected at most ${expected} bytes, got ${found}. Build it smaller, or for a board with more flash.`,
  );
}
