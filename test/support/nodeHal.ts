import { createCipheriv, createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { type Journal, journal } from "../../firmware/flash/journal.ts";
import { setHal } from "../../firmware/hal/current.ts";
import type { Hal, Piece } from "../../firmware/hal/hal.ts";
import { decode, encode } from "../../firmware/protocol/cbor.ts";

/** Opens a journal in an array of flash, as a start of the device does. */
export function openTestJournal(
  flash: Uint8Array<ArrayBuffer>,
  base: number,
  halfBytes: number,
  pageBytes: number,
): Journal {
  const h = nodeHal(flash, pageBytes);
  setHal(h);
  return journal(base, halfBytes, pageBytes, [], {
    encode: (v) => h.cat(encode(v) as Piece),
    decode,
  });
}

/** Flattens as the interpreter's E.toUint8Array does. */
export function flatten(piece: Piece): Uint8Array {
  const out: number[] = [];
  const walk = (p: Piece): void => {
    if (typeof p === "number") out.push(p & 255);
    else if (typeof p === "string") for (const c of p) out.push(c.charCodeAt(0) & 255);
    else for (const x of p as Iterable<Piece>) walk(x);
  };
  walk(piece);
  return Uint8Array.from(out);
}

const bytesOf = (d: Uint8Array | string) => (typeof d === "string" ? Buffer.from(d, "latin1") : d);

/** A HAL on Node over an array of flash that only clears bits: for tests of single modules. */
export function nodeHal(flash = new Uint8Array(0), pageBytes = 4096): Hal {
  const hash = (d: Uint8Array | string) =>
    new Uint8Array(createHash("sha256").update(bytesOf(d)).digest());
  return {
    cat: flatten,
    str: (b) => Buffer.from(b).toString("latin1"),
    sha: hash,
    hash,
    crc: (d) => crc32(bytesOf(d)) >>> 0,
    aes(key, data) {
      const c = createCipheriv("aes-128-ctr", key, new Uint8Array(16));
      return new Uint8Array(Buffer.concat([c.update(data), c.final()]));
    },
    read: (a, n) => flash.slice(a, a + n),
    write(a, d) {
      for (let i = 0; i < d.length; i++) flash[a + i]! &= d[i]!;
    },
    erase: (a) => void flash.fill(255, a, a + pageBytes),
    text: (a, n) => Buffer.from(flash.slice(a, a + n)).toString("latin1"),
    run: () => null,
    ms: () => 0,
    after: () => null,
    every: () => null,
    cancel: () => {},
    reboot: () => {},
  };
}
