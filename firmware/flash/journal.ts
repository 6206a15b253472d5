import { h } from "../hal/current.ts";
import type { Bytes } from "../hal/hal.ts";
import { Code } from "../protocol/errors.ts";

/** Record types of SPEC.md §2.2. */
export const enum Rec {
  Boot = 1,
  Slots = 2,
  Key = 3,
  Download = 4,
  Settings = 5,
  Failed = 6,
  Wipe = 7,
  Receipt = 8,
  Life = 9,
  KeySetA = 10,
  KeySetB = 11,
  Command = 12,
  Count = 13,
}

export interface Journal {
  /** The newest value of a type; null when there is none. Byte strings are copies. */
  get(type: Rec): any;
  /** Makes one record durable. What a secret replaces is erased when this returns.
   *  @throws Code.FlashWrite | Code.FlashErase when the flash does not take it | Code.JournalFull */
  put(type: Rec, value: any): void;
  /** Goes over to the other half with what `keep` lets live: the end of a wipe's secrets. */
  shed(keep: (type: Rec) => boolean): void;
}

/** All that stays between two uses: live half, its page sequence, where the next record goes (0 = this half takes no
 *  more), record sequence, and from At on the address of each type's newest record (0 = none). */
export type JournalState = number[];
const enum S {
  Half = 0,
  Page = 1,
  End = 2,
  Seq = 3,
  At = 3,
}

const headerBytes = 16;
const magic = 0x314a4c46; // "FLJ1", little-endian
const commitMark = 0x5aa5c33c;

const secretTypes = (1 << Rec.Key) | (1 << Rec.Settings) | (1 << Rec.Wipe);
const secret = (type: Rec) => (secretTypes >> type) & 1;
const u32 = (n: number) => [n, n >> 8, n >> 16, n >> 24];
const le = (b: Bytes, o: number) =>
  (b[o]! | (b[o + 1]! << 8) | (b[o + 2]! << 16) | (b[o + 3]! << 24)) >>> 0;
const pad8 = (n: number) => (n + 7) & ~7;

/** The journal: two halves, used in turn, whole 8-byte units, nothing trusted because it looks blank.
 *  @param base address of the first half; @param halfBytes bytes of one half, whole pages of pageBytes
 *  @param s empty at boot: the journal is then opened and what a cut left is mended; else as the last use left it
 *  Source: SPEC.md §2.2, firmware/flash/ADR-0002-journal.md */
export function journal(
  base: number,
  halfBytes: number,
  pageBytes: number,
  s: JournalState,
  codec: { encode(v: any): Bytes; decode(b: Bytes): any },
): Journal {
  const halfAt = (i: number) => base + i * halfBytes;
  /** A half ends in a second copy of its header: the first may be torn and yet read as whole now and then. */
  const tailAt = (i: number) => halfAt(i + 1) - headerBytes;
  const full = (addr: number, bytes: number) => addr + bytes > tailAt(s[S.Half]!);
  const headerSeq = (addr: number) => {
    const b = h.read(addr, headerBytes);
    return le(b, 0) === magic && le(b, 8) === h.crc(b.slice(0, 8)) >>> 0 ? le(b, 4) : 0;
  };
  const seqOf = (i: number) => headerSeq(halfAt(i)) || headerSeq(tailAt(i));
  const writeHeader = (addr: number) => {
    const head = h.cat([u32(magic), u32(s[S.Page]!)]);
    h.write(addr, h.cat([head, u32(h.crc(head)), u32(0)]));
  };
  const blank = (addr: number, to: number) => {
    for (let n = 256; addr < to; addr += n) {
      if (to - addr < n) n = to - addr;
      if (h.crc(h.read(addr, n)) !== h.crc(new Uint8Array(n).fill(255))) return false;
    }
    return true;
  };
  const eraseHalf = (i: number) => {
    for (let a = 0; a < halfBytes; a += pageBytes) h.erase(halfAt(i) + a);
  };
  /** Walks a half; calls back for each whole record; returns where it ends, 0 when it ends in something torn.
   *  A torn mark may have read as whole at an earlier start: then whole records follow it, its own copy first, and it
   *  must not hide them. */
  const walk = (i: number, found: (addr: number, type: number) => void): number => {
    const to = tailAt(i);
    let a = halfAt(i) + headerBytes;
    let torn = false;
    while (a + 16 < to) {
      const head = h.read(a, 8);
      const type = head[0]!;
      const n = le(head, 0) >>> 16;
      const total = 16 + pad8(n);
      if (type === 255 && blank(a, to)) return torn ? 0 : a;
      if (!type || type >= Rec.Count || a + total > to) return 0;
      const mark = h.read(a + total - 8, 8);
      torn = le(mark, 4) !== commitMark || le(mark, 0) !== h.crc(h.read(a, 8 + n)) >>> 0;
      if (!torn) found(a, type);
      a += total;
    }
    return 0;
  };
  const payload = (addr: number) => h.read(addr + 8, le(h.read(addr, 8), 0) >>> 16);
  const build = (type: number, data: Bytes) => {
    const head = [type, secret(type), data.length, data.length >> 8, u32(++s[S.Seq]!)];
    const crc = h.crc(h.cat([head, data]));
    return [
      h.cat([head, data, new Uint8Array(pad8(data.length) - data.length)]),
      h.cat([u32(crc), u32(commitMark)]),
    ];
  };
  /** The mark goes last and alone, so that a torn record never carries it. */
  const write = (addr: number, record: Bytes[]) => {
    h.write(addr, record[0]!);
    h.write(addr + record[0]!.length, record[1]!);
    return addr + record[0]!.length + 8;
  };
  /** Moves every live record to the other half, `type` with `data` in place of its old value, and erases this one. That is
   *  how a secret goes for good: zeroing it where it stands would write some flash more often than it may be written. */
  const swap = (type: number, data: Bytes | null, keep?: (type: Rec) => boolean) => {
    const old = s[S.Half]!;
    const from = s.slice();
    const other = halfAt(1 - old);
    eraseHalf(1 - old);
    let a = other + headerBytes;
    for (let t = 1; t < Rec.Count; t++) {
      s[S.At + t] = 0;
      if (t !== type && (!from[S.At + t] || (keep && !keep(t)))) continue;
      const record = build(t, t === type ? data! : payload(from[S.At + t]!));
      if (a + record[0]!.length + 8 > tailAt(1 - old)) throw Code.JournalFull;
      s[S.At + t] = a;
      a = write(a, record);
    }
    s[S.Page]!++;
    writeHeader(other);
    writeHeader(tailAt(1 - old));
    s[S.Half] = 1 - old;
    s[S.End] = a;
    eraseHalf(old);
  };
  const put = (type: number, data: Bytes) => {
    const end = s[S.End]!;
    const record = build(type, data);
    const replaced = secret(type) && s[S.At + type];
    if (!end || replaced || full(end, record[0]!.length + 8)) return swap(type, data);
    try {
      s[S.End] = write(end, record);
    } catch {
      s[S.End] = 0;
      return swap(type, data);
    }
    s[S.At + type] = end;
  };
  const open = () => {
    const s0 = seqOf(0);
    const s1 = seqOf(1);
    const half = s1 > s0 ? 1 : 0;
    let newest = 0;
    for (let i = 0; i < S.At + Rec.Count; i++) s[i] = 0;
    s[S.Half] = half;
    s[S.Page] = half ? s1 : s0;
    if (!s[S.Page]) {
      s[S.Half] = 1;
      return swap(0, null);
    }
    // What was read may be gone at the next start: the copy stands before anything builds on it.
    if (blank(tailAt(half), halfAt(half + 1))) writeHeader(tailAt(half));
    s[S.End] = walk(half, (addr, type) => {
      const n = le(h.read(addr + 4, 4), 0);
      if (n > s[S.Seq]!) s[S.Seq] = n;
      s[S.At + type] = addr;
      newest = type;
    });
    // What a cut left there may hold a secret.
    const other = halfAt(1 - half);
    if (!blank(other, other + halfBytes)) eraseHalf(1 - half);
    // A cut in the middle of the newest record can leave bits that read differently next time: write it again
    // before it is acted on. The boot record is written at every boot anyway.
    if (newest && newest !== Rec.Boot) put(newest, payload(s[S.At + newest]!));
  };
  if (!s.length) open();
  return {
    get: (type) => (s[S.At + type] ? codec.decode(payload(s[S.At + type]!)) : null),
    put: (type, value) => put(type, codec.encode(value)),
    shed: (keep) => swap(0, null, keep),
  };
}
