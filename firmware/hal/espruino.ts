import { Code } from "../protocol/errors.ts";
import type { Bytes, Hal, Piece } from "./hal.ts";

declare const require: (name: string) => any;
declare const process: any;
declare const global: any;

/** The interpreter behind the ports. Drivers report failed operations as success (nRF52), so every write and
 *  erase is read back; unaligned writes re-program neighbours, so they are refused.
 *  Source: research notes on jshardware.c of each family. */
export function espruinoHal(): Hal {
  const flash = require("Flash");
  const storage = require("Storage");
  const crypto = require("crypto");
  const at = (addr: number) => BOARD.flashStart + addr;
  const read = (addr: number, len: number): Bytes => flash.read(len, at(addr));
  const same = (addr: number, data: Bytes) => E.CRC32(read(addr, data.length)) === E.CRC32(data);
  const blank = (addr: number) => {
    for (let i = 0; i < BOARD.pageBytes; i += 64)
      if (read(addr + i, 64).some((b) => b !== 255)) return false;
    return true;
  };
  let most = 0;
  const probe = () => {
    const used = process.memory().usage;
    if (used > most) most = used;
    return used;
  };
  const hal: Hal = {
    cat: (piece: Piece) => E.toUint8Array(piece),
    str: (b) => (b.length ? E.toString(b) : ""),
    sha(data) {
      if (BOARD.probe) probe();
      return new Uint8Array(crypto.SHA256(data));
    },
    hash: crypto.SHA256,
    crc: (data) => E.CRC32(data),
    aes: (key, data) =>
      new Uint8Array(AES.encrypt(data, key, { iv: new Uint8Array(16), mode: "CTR" })),
    read,
    write(addr, data) {
      if (BOARD.probe) probe();
      if ((addr | data.length) & (BOARD.writeUnitBytes - 1)) throw Code.FlashUnaligned;
      // A write that did not take is tried once more: programming the same bits again is allowed everywhere.
      flash.write(data, at(addr));
      if (same(addr, data)) return;
      flash.write(data, at(addr));
      if (!same(addr, data)) throw Code.FlashWrite;
    },
    erase(addr) {
      flash.erasePage(at(addr));
      if (blank(addr)) return;
      flash.erasePage(at(addr));
      if (!blank(addr)) throw Code.FlashErase;
    },
    text: (addr, len) =>
      addr < BOARD.core
        ? storage.read("slots", addr - 32, len)
        : storage.read("core", addr - BOARD.core - 32, len),
    run: (text) => global.eval(text),
    ms: () => getTime() * 1000,
    after: (ms, fn) => setTimeout(fn, ms),
    every: (ms, fn) => setInterval(fn, ms),
    cancel(handle) {
      if (handle) clearTimeout(handle as number);
    },
    reboot: () => E.reboot(),
    kick() {
      if (BOARD.watchdog) E.kickWatchdog();
    },
    memory() {
      const m = process.memory();
      return (m.usage * 1000) / m.total;
    },
    batteryMv: () => BOARD.batteryMv,
    temperatureDeciC: () => BOARD.temperatureDeciC,
    rssiDbm: () => BOARD.rssiDbm,
  };
  if (BOARD.probe) hal.variables = () => [probe(), most, probe()];
  return hal;
}
