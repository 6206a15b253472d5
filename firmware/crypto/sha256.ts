import type { Bytes } from "../hal/hal.ts";

/** The 64 words of SHA-256, little-endian, as the interpreter's arrays hold them. A table, because cube roots of a
 *  board's own mathematics could differ in their last bit. Source: FIPS 180-4 §4.2.2 */
const words =
  "mC+KQpFEN3HP+8C1pdu16VvCVjnxEfFZpII/ktVeHKuYqgfYAVuDEr6FMSTDfQxVdF2+cv6x3oCn" +
  "BtybdPGbwcFpm+SGR77vxp3BD8yhDCRvLOktqoR0StypsFzaiPl2UlE+mG3GMajIJwOwx39Zv/ML" +
  "4MZHkafVUWPKBmcpKRSFCrcnOCEbLvxtLE0TDThTVHMKZbsKanYuycKBhSxykqHov6JLZhqocItL" +
  "wqNRbMcZ6JLRJAaZ1oU1DvRwoGoQFsGkGQhsNx5Md0gntbywNLMMHDlKqthOT8qcW/NvLmjugo90" +
  "b2OleBR4yIQIAseM+v++kOtsUKT3o/m+8nhxxg==";

/** Makes a SHA-256 for boards whose interpreter has none: 32-bit integers and typed arrays only. It reads what it
 *  hashes 64 bytes at a time, so that a text in flash is never copied whole, and calls `block` after each.
 *  The order of the variables and the forms without brackets are what the interpreter is fastest with.
 *  @param block keeps the watchdog quiet: a signature takes about 400 blocks
 *  @returns data → 32 bytes
 *  Source: FIPS 180-4 §6.2 */
export function makeSha256(block: () => void): (data: Bytes | string) => ArrayBuffer {
  const k = new Int32Array(E.toUint8Array(atob(words)).buffer);
  return (data) => {
    const bytes = data.length;
    const padded = (bytes + 72) & -64;
    const H = new Int32Array([
      1779033703, -1150833019, 1013904242, -1521486534, 1359893119, -1694144372, 528734635,
      1541459225,
    ]);
    const w = new Int32Array(64);
    for (let at = 0; at < padded; at += 64) {
      let e = H[4]!;
      let a = H[0]!;
      let x = bytes - at;
      let y = 0;
      let i = 0;
      const rest = x < 64 ? data.slice(at, bytes) : data.slice(at, at + 64);
      const end = x >= 0 && x < 64 ? 128 : [];
      const p = new DataView(E.toUint8Array([x > 0 ? rest : [], end, new Uint8Array(64)]).buffer);
      let f = H[5]!;
      let g = H[6]!;
      let h = H[7]!;
      let d = H[3]!;
      let b = H[1]!;
      let c = H[2]!;
      let q = b ^ c;
      for (; i < 16; i++) w[i] = p.getInt32(i * 4);
      if (at + 64 === padded) {
        w[14] = bytes >>> 29;
        w[15] = bytes << 3;
      }
      for (; i < 64; i++) {
        x = w[i - 15]!;
        y = w[i - 2]!;
        w[i] =
          w[i - 16]! +
          w[i - 7]! +
          ((x >>> 7) ^ (x >>> 18) ^ (x >>> 3) ^ (x << 25) ^ (x << 14)) +
          ((y >>> 17) ^ (y >>> 19) ^ (y >>> 10) ^ (y << 15) ^ (y << 13));
      }
      for (i = 0; i < 64; i++) {
        x =
          (h +
            k[i]! +
            w[i]! +
            ((e >>> 6) ^ (e >>> 11) ^ (e >>> 25) ^ (e << 26) ^ (e << 21) ^ (e << 7)) +
            ((e & f) ^ (~e & g))) |
          0;
        h = g;
        g = f;
        f = e;
        e = (d + x) | 0;
        d = c;
        c = b;
        y = a ^ b;
        x +=
          ((a >>> 2) ^ (a >>> 13) ^ (a >>> 22) ^ (a << 30) ^ (a << 19) ^ (a << 10)) + (b ^ (y & q));
        q = y;
        b = a;
        a = x | 0;
      }
      H.set(
        [H[0]! + a, H[1]! + b, H[2]! + c, H[3]! + d, H[4]! + e, H[5]! + f, H[6]! + g, H[7]! + h],
        0,
      );
      block();
    }
    const out = new DataView(new ArrayBuffer(32));
    for (let i = 0; i < 8; i++) out.setInt32(i * 4, H[i]!);
    return out.buffer as ArrayBuffer;
  };
}
