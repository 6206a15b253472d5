import { makeSha256 } from "../crypto/sha256.ts";
import { Code } from "../protocol/errors.ts";
import type { Bytes, Hal } from "./hal.ts";

declare const require: (name: string) => any;
declare const global: any;

/** CRC-32 of 256 blank bytes: a call for each byte of a page would take the longest part of an erase. */
const blankCrc = 0xfea8a821;

/** The interpreter behind the ports. Drivers report failed operations as success (nRF52), so every write and
 *  erase is read back; unaligned writes re-program neighbours, so they are refused.
 *  Source: research notes on jshardware.c of each family. */
export function espruinoHal(): Hal {
  const flash = require("Flash");
  const storage = require("Storage");
  const hash: (data: Bytes | string) => ArrayBuffer = BOARD.sha256
    ? require("crypto").SHA256
    : makeSha256(() => BOARD.feed);
  const read = (addr: number, len: number): Bytes => flash.read(len, BOARD.flashStart + addr);
  /** Runs op, checks the result, and once more when it did not take: programming the same again is allowed. */
  const twice = (op: () => void, took: () => boolean, code: Code) => {
    op();
    if (took()) return;
    op();
    if (!took()) throw code;
  };
  return {
    cat: E.toUint8Array,
    str: E.toString,
    sha(data) {
      if (BOARD.probe) probe();
      return new Uint8Array(hash(BOARD.shaCopies ? E.toUint8Array(data) : data));
    },
    // An ArrayBuffer, which `set` takes for its bytes there.
    hash: hash as any,
    crc: E.CRC32,
    aes: (key, data) =>
      new Uint8Array(AES.encrypt(data, key, { iv: new Uint8Array(16), mode: "CTR" })),
    read,
    write(addr, data) {
      if (BOARD.probe) probe();
      if ((addr | data.length) & (BOARD.writeUnitBytes - 1)) throw Code.FlashUnaligned;
      twice(
        () => flash.write(data, BOARD.flashStart + addr),
        () => E.CRC32(read(addr, data.length)) === E.CRC32(data),
        Code.FlashWrite,
      );
    },
    erase(addr) {
      twice(
        () => flash.erasePage(BOARD.flashStart + addr),
        () => {
          for (let i = 0; i < BOARD.pageBytes; i += 256)
            if (E.CRC32(read(addr + i, 256)) >>> 0 !== blankCrc) return false;
          return true;
        },
        Code.FlashErase,
      );
    },
    text: (addr, len) =>
      // Before Storage there are no files; the chip reads its flash as memory.
      BOARD.slotA < 0 && addr < 0
        ? E.memoryArea(BOARD.flashStart + addr, len)
        : addr < BOARD.core
          ? storage.read("slots", addr - 32, len)
          : storage.read("core", addr - BOARD.core - 32, len),
    run: global.eval,
    ms: () => getTime() * 1000,
    after: setTimeout as Hal["after"],
    every: setInterval as Hal["every"],
    cancel: clearTimeout as Hal["cancel"],
    reboot: E.reboot,
  };
}

/** Keeps the most variables seen in use; only in probe builds. */
function probe(): void {
  const used = process.memory().usage;
  if (!(global.PROBE > used)) global.PROBE = used;
}
