import { Code } from "./errors.ts";
import { cborDepthMax } from "./limits.ts";

/** The device's own CBOR: definite lengths, shortest integers, no tags, no floats. Pure. */

export type Cbor = number | string | boolean | null | Uint8Array | Cbor[] | { [key: string]: Cbor };
export type Pieces = number | string | Uint8Array | readonly Pieces[];

function head(major: number, n: number): Pieces {
  const m = major << 5;
  return n < 24
    ? m | n
    : n < 256
      ? [m | 24, n]
      : n < 65536
        ? [m | 25, n >> 8, n]
        : [m | 26, n >> 24, n >> 16, n >> 8, n];
}

/** Encodes as pieces for `hal.cat`, which takes the low byte of each number. Map keys keep their order, so callers give them in canonical order;
 *  keys that read as integers become integers. Strings are Latin-1 below 128.
 *  Source: RFC 8949 §3, §4.2.1 */
export function encode(v: any): Pieces {
  if (v === undefined || v === null) return 0xf6;
  if (v === true || v === false) return v ? 0xf5 : 0xf4;
  if (typeof v === "number") return v < 0 ? head(1, -1 - v) : head(0, v);
  if (typeof v === "string") return [head(3, v.length), v];
  if (v instanceof Uint8Array) return [head(2, v.length), v];
  if (Array.isArray(v)) return [head(4, v.length), v.map(encode)];
  const keys = Object.keys(v);
  return [head(5, keys.length), keys.map((k) => [encode(isNaN(+k) ? k : +k), encode(v[k])])];
}

/** Decodes exactly one item that fills b. Byte strings are views into b.
 *  @throws Code.MessageMalformed on anything outside the profile; never reads beyond b, never recurses deeper than 8 */
export function decode(b: Uint8Array): any {
  let p = 0;
  const item = (depth: number): any => {
    if (depth > cborDepthMax || p >= b.length) throw Code.MessageMalformed;
    const c = b[p++]!;
    const major = c >> 5;
    let n = c & 31;
    if (major === 7) {
      if (n === 20 || n === 21) return n === 21;
      if (n === 22) return null;
      throw Code.MessageMalformed;
    }
    if (n > 23) {
      // 24, 25 and 26 say one, two and four bytes.
      let k = 1 << (n - 24);
      const least = n > 24 ? 1 << (4 * k) : 24;
      if (n > 26 || p + k > b.length) throw Code.MessageMalformed;
      n = 0;
      while (k--) n = n * 256 + b[p++]!;
      if (n < least) throw Code.MessageMalformed;
    }
    if (major === 0) return n;
    if (major === 1) return -1 - n;
    // Every element takes at least one byte, so a length beyond the rest is a lie: nothing is allocated for it.
    if (major === 6 || n > b.length - p) throw Code.MessageMalformed;
    if (major < 4) {
      // The interpreter takes a length of 0 for "to the end" (jswrap_arraybuffer.c).
      const v = n ? new Uint8Array(b.buffer, b.byteOffset + p, n) : new Uint8Array(0);
      p += n;
      return major === 2 ? v : String.fromCharCode.apply(null, v as unknown as number[]);
    }
    if (major === 4) {
      const a: any[] = [];
      while (n--) a.push(item(depth + 1));
      return a;
    }
    const o: any = {};
    while (n--) {
      const k = item(depth + 1);
      if ((typeof k !== "number" && typeof k !== "string") || k in o) throw Code.MessageMalformed;
      o[k] = item(depth + 1);
    }
    return o;
  };
  const v = item(0);
  if (p !== b.length) throw Code.MessageMalformed;
  return v;
}
