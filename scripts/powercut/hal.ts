import { crc32 } from "node:zlib";
import type { Board } from "../../boards/index.ts";
import type { Bytes, Hal, Piece } from "../../firmware/hal/hal.ts";
import { decode, encode } from "../../firmware/protocol/cbor.ts";
import { Code } from "../../firmware/protocol/errors.ts";
import type { NorFlash } from "../sim/flash/norFlash.ts";

export interface Codec {
  encode(v: unknown): Bytes;
  decode(b: Bytes): unknown;
}

const bytesOf = (data: Bytes | string) =>
  typeof data === "string" ? Buffer.from(data, "latin1") : data;

/** Flattens as the interpreter's E.toUint8Array does. */
export function flatten(piece: Piece): Bytes {
  if (piece instanceof Uint8Array) return new Uint8Array(piece);
  const out: number[] = [];
  const walk = (p: Piece): void => {
    if (typeof p === "number") out.push(p & 255);
    else if (typeof p === "string") for (const c of p) out.push(c.charCodeAt(0) & 255);
    else if (p instanceof Uint8Array) for (const b of p) out.push(b);
    else for (const x of p) walk(x);
  };
  walk(piece);
  return Uint8Array.from(out);
}

/** The device's own CBOR. */
export const codec: Codec = { encode: (v) => flatten(encode(v) as Piece), decode };

/** What journal and identity need of a HAL, over a simulated flash. Writes are checked and tried twice, as on the device
 *  (firmware/hal/espruino.ts). */
export function flashHal(
  flash: NorFlash,
  board: Pick<Board, "flashStart" | "pageBytes" | "writeUnitBytes">,
): Hal {
  const { flashStart, pageBytes, writeUnitBytes } = board;
  const read = (addr: number, len: number) => flash.read(flashStart + addr, len);
  const twice = (op: () => void, took: () => boolean, code: Code) => {
    op();
    if (took()) return;
    op();
    if (!took()) throw code;
  };
  const hal: Partial<Hal> = {
    cat: flatten,
    str: (b) => Buffer.from(b).toString("latin1"),
    crc: (data) => crc32(bytesOf(data)) >>> 0,
    read,
    write(addr, data) {
      if ((addr | data.length) & (writeUnitBytes - 1)) throw Code.FlashUnaligned;
      const took = () => Buffer.compare(read(addr, data.length), data) === 0;
      twice(() => flash.write(data, flashStart + addr), took, Code.FlashWrite);
    },
    erase(addr) {
      const took = () => read(addr, pageBytes).every((b) => b === 255);
      twice(() => flash.erasePage(flashStart + addr), took, Code.FlashErase);
    },
  };
  return hal as Hal;
}
