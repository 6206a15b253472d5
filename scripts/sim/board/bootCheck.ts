import type { NorFlash } from "../flash/norFlash.ts";

/** Bytes of a Storage file header: u32le size with flags on top, 28 bytes of name. */
export const fileHeaderBytes = 32;

/** A file header as found in flash. */
export interface FileHeader {
  /** absolute address of the header */
  addr: number;
  sizeWord: number;
  raw: Uint8Array;
}

/** The interpreter's own check of Storage at power-on. When it says false, the interpreter erases ALL of Storage.
 *  @returns true when the chain of headers ends in blank flash or in a Storage filled to its last byte
 *  Source: interpreter src/jsflash.c jsfIsBankStorageValid with JSFSTT_NORMAL; behaviour only, no code taken */
export function storageIsValid(flash: NorFlash): boolean {
  const start = flash.rules.storageStart;
  const end = endOf(flash);
  let last = readHeader(flash, start);
  let nextAddr: number | null = start;
  let fullCheckAddr = start;
  if (headerFits(flash, last)) {
    for (;;) {
      const step = nextHeader(flash, last);
      nextAddr = step.addr;
      // The header that was read last stays the one judged below, also when it was not valid.
      if (step.header) last = step.header;
      if (!step.isValid) break;
      fullCheckAddr = step.addr!;
    }
    if (nextAddr === null) {
      const behind = align(flash, fullCheckAddr + fileBytes(last) + fileHeaderBytes);
      if (behind < fullCheckAddr) return false;
      if (behind <= end && behind + fileHeaderBytes > end) return true;
    }
  }
  const isBlank = last.raw.every((byte) => byte === 255);
  if (isBlank && nextAddr === start) return areaIsBlank(flash, start, end);
  return isBlank;
}

/** Walks all files, deleted ones included, as the interpreter finds them. */
export function* fileHeaders(flash: NorFlash): Generator<FileHeader> {
  let header = readHeader(flash, flash.rules.storageStart);
  if (!headerFits(flash, header)) return;
  for (;;) {
    yield header;
    const step = nextHeader(flash, header);
    if (!step.isValid) return;
    header = step.header!;
  }
}

/** Size of a file without its flags. */
export function fileBytes(header: FileHeader): number {
  return header.sizeWord & 0x00ffffff;
}

interface Step {
  addr: number | null;
  header: FileHeader | null;
  isValid: boolean;
}

function nextHeader(flash: NorFlash, header: FileHeader): Step {
  const end = endOf(flash);
  const addr = align(flash, header.addr + fileBytes(header) + fileHeaderBytes);
  if (addr + fileHeaderBytes > end) return { addr: null, header: null, isValid: false };
  const here = readHeader(flash, addr);
  if (headerFits(flash, here)) return { addr, header: here, isValid: true };
  // No header behind this file: the next may begin on the next page, but not behind a blank one.
  const { start, pageBytes } = flash.rules;
  const page = start + (Math.floor((addr - start) / pageBytes) + 1) * pageBytes;
  if (page >= end) return { addr: null, header: here, isValid: false };
  const there = readHeader(flash, page);
  return { addr: page, header: there, isValid: headerFits(flash, there) };
}

const endOf = (flash: NorFlash) => flash.rules.start + flash.totalBytes;

function readHeader(flash: NorFlash, addr: number): FileHeader {
  const raw = flash.read(addr, fileHeaderBytes);
  return { addr, raw, sizeWord: new DataView(raw.buffer).getUint32(0, true) };
}

function headerFits(flash: NorFlash, header: FileHeader): boolean {
  const end = endOf(flash);
  return (
    header.sizeWord !== 0xffffffff &&
    header.sizeWord !== 0 &&
    header.addr + fileHeaderBytes + fileBytes(header) <= end
  );
}

function align(flash: NorFlash, addr: number): number {
  const unit = Math.max(4, flash.rules.writeUnitBytes);
  return Math.ceil(addr / unit) * unit;
}

function areaIsBlank(flash: NorFlash, from: number, to: number): boolean {
  const step = flash.rules.pageBytes;
  for (let addr = from; addr < to; addr += step) {
    if (flash.read(addr, Math.min(step, to - addr)).some((byte) => byte !== 255)) return false;
  }
  return true;
}
