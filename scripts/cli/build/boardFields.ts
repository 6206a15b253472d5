import { type Board, boards, slotAddresses, slotBytesOf } from "../../../boards/index.ts";
import { BuildError } from "./errors.ts";

/** Where parts lie, for the one text that needs to know. */
export interface PartTables {
  /** flat [address, bytes, …] of the core's parts, by part id, bytes below zero for a packed one: for `.boot0` */
  parts?: number[];
  /** where each slot part begins, counted back from the image's end, then where the last one ends: for the runtime */
  slotParts?: number[];
}

/** Bytes of the header of a Storage file. */
export const headerBytes = 32;

/** Source text that stands for each `BOARD.name` in device code. */
export type BoardFields = Record<string, string>;

/** Looks a board up by id.
 *  @throws BuildError BUILD_BOARD_UNKNOWN, listing the boards there are */
export function boardById(id: string): Board {
  const board = Object.hasOwn(boards, id) ? boards[id] : undefined;
  if (board) return board;
  throw new BuildError({
    code: "BUILD_BOARD_UNKNOWN",
    found: `board: expected one of ${Object.keys(boards).join(", ")}, got "${id}"`,
    remedy: "Pass a known id, or add a file to boards/ and list it in boards/index.ts",
  });
}

/** Computes what `BOARD.name` becomes on one board: literals, and raw expressions for pins and
 *  sensors.
 *  Pure. Bytes and offsets are relative to the start of Storage.
 */
export function boardFields(board: Board, tables: PartTables = {}): BoardFields {
  const { plan, pageBytes } = board;
  const absent = "void 0";
  const [slotA, slotB] = slotAddresses(board);
  const fields: BoardFields = {
    id: JSON.stringify(board.id),
    flashStart: String(board.flashStart),
    pageBytes: String(pageBytes),
    writeUnitBytes: String(board.writeUnitBytes),
    rewrite: JSON.stringify(board.rewrite),
    slotA: String(slotA!),
    slotB: String(slotB ?? slotA!),
    single: String(plan.kind === "single"),
    fixed: String(plan.kind === "fixed"),
    cable: String(board.updates === "cable"),
    slotBytes: String(slotBytesOf(board)),
    slotIsSmall: String(slotIsSmall(board)),
    journal: String(plan.journalPage * pageBytes),
    journalHalfBytes: String(plan.journalHalfPages * pageBytes),
    core: String(plan.corePage * pageBytes),
    totalBytes: String(plan.totalPages * pageBytes),
    serialPort: board.serialPort,
    serialSetup: board.serialSetup ?? absent,
    link: JSON.stringify(board.link),
    aes: String(board.crypto.aes),
    sha256: String(board.crypto.sha256),
    shaCopies: String(board.crypto.copies ?? false),
    watchdog: String(board.watchdog),
    feed: board.feed ?? (board.watchdog ? "E.kickWatchdog()" : absent),
    wifi: String(board.radio.kind === "wifi"),
    probe: String(board.probe ?? false),
    // A block is in memory about five times while its frame is opened: small boards ask for half.
    blockBytes: board.variables !== "runtime" && board.variables < 4000 ? "256" : "512",
    button: board.button ?? absent,
    batteryMv: board.measure.batteryMv ?? absent,
    updateBatteryMinMv: String(board.updateBatteryMinMv ?? 0),
    temperatureDeciC: board.measure.temperatureDeciC ?? absent,
    rssiDbm: board.measure.rssiDbm ?? absent,
    resetReason: board.measure.resetReason ?? absent,
    consolesBle: String(board.consoles.ble),
    consolesUsb: String(board.consoles.usb),
    consolesTelnet: String(board.consoles.telnet),
  };
  if (tables.parts) fields.parts = JSON.stringify(tables.parts);
  if (tables.slotParts) fields.slotParts = JSON.stringify(tables.slotParts);
  return fields;
}

/** True where framework and app share so little that the framework's rare parts are stored packed. */
export function slotIsSmall(board: Board): boolean {
  return board.plan.kind !== "fixed" && slotBytesOf(board) <= 12_288;
}

/** Core's place on a board.
 *  @returns byte offset of the header of file `core` and the bytes from there to the end of Storage; on a board whose
 *  image is fixed, to the header of file `slots`
 */
export function coreArea(board: Board): { offset: number; bytes: number } {
  const { plan, pageBytes } = board;
  const offset = plan.corePage * pageBytes;
  const isFixed = plan.kind === "fixed";
  const end = isFixed ? plan.journalPage * pageBytes - headerBytes : plan.totalPages * pageBytes;
  return { offset, bytes: end - offset };
}
