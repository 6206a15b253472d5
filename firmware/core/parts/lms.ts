import type { Bytes } from "../../hal/hal.ts";
import type { Kit } from "../kit.ts";

/** Sizes of SHA-256/192, W = 4 (RFC 9858): 24-byte values, 51 chains of at most 15 steps. */
const n = 24;
const chains = 51;
const otsType = 7;

export interface Lms {
  /** @returns true iff sig (LMS, RFC 8554 §5.4) of message verifies under the 48-byte public key.
   *  The bytes of sig are used up. */
  verify(pub: Bytes, message: Bytes, sig: Bytes): boolean;
  /** Signs with a one-time key (q = 0). Source: SPEC.md §7; RFC 8554 §4.5, Appendix A */
  sign(I: Bytes, seed: Bytes, message: Bytes): Bytes;
}

/** LMS on native hash calls only: about 390 to verify. Source: RFC 8554 §4–5, RFC 9858 */
export default (k: Kit): Lms => {
  const h = k.h;
  const u32 = (v: number) => [(v >>> 24) & 255, (v >> 16) & 255, (v >> 8) & 255, v & 255];
  const cut = k.cut;
  const be = (b: Bytes, o: number) =>
    ((b[o]! << 24) | (b[o + 1]! << 16) | (b[o + 2]! << 8) | b[o + 3]!) >>> 0;
  /** Calls back with chain number and digit for each of the 51 digits of Q and its checksum. */
  const digits = (
    I: Bytes,
    q: Bytes,
    C: Bytes,
    message: Bytes,
    each: (i: number, digit: number) => void,
  ) => {
    const Q = new Uint8Array(26);
    Q.set(cut(h.sha(h.cat([I, q, 0x81, 0x81, C, message])), 0, n), 0);
    let sum = 0;
    for (let i = 0; i < n; i++) sum += 30 - (Q[i]! >> 4) - (Q[i]! & 15);
    Q[24] = sum >> 4;
    Q[25] = sum << 4;
    for (let i = 0; i < chains; i++) each(i, i & 1 ? Q[i >> 1]! & 15 : Q[i >> 1]! >> 4);
  };
  /** One buffer I‖q‖i‖j‖value for every step; the loop is what the time goes into. */
  const buffer = (I: Bytes, q: Bytes) => h.cat([I, q, new Uint8Array(3 + n)]);
  const chain = (b: Bytes, i: number, from: number, to: number, value: Bytes) => {
    const hash = h.hash;
    b[21] = i;
    b.set(value, 23);
    for (let j = from; j < to; j++) {
      b[22] = j;
      b.set(new Uint8Array(hash(b), 0, n), 23);
    }
    return cut(b, 23, n);
  };
  return {
    verify(pub, message, sig) {
      const I = cut(pub, 8, 16);
      const type = be(pub, 0);
      const height = 5 * (type - 9);
      const otsBytes = 4 + n + chains * n;
      if (type < 10 || type > 14 || be(pub, 4) !== otsType) return false;
      if (sig.length !== 8 + otsBytes + height * n) return false;
      const q = cut(sig, 0, 4);
      let node = be(sig, 0) + 2 ** height;
      if (be(sig, 0) >= 2 ** height || be(sig, 4) !== otsType || be(sig, 4 + otsBytes) !== type)
        return false;
      const b = buffer(I, q);
      // What is hashed next is I‖q‖D_PBLK and the chains' ends: they take the place of what they came from, and the
      // head that of C, which has served. A copy would cost 140 variables at the worst moment.
      digits(I, q, cut(sig, 8, n), message, (i, d) => {
        const y = cut(sig, 32 + i * n, n);
        y.set(chain(b, i, d, 15, y), 0);
      });
      sig.set(h.cat([I, q, 0x80, 0x80]), 10);
      let t = cut(h.sha(cut(sig, 10, 22 + chains * n)), 0, n);
      t = cut(h.sha(h.cat([I, u32(node), 0x82, 0x82, t])), 0, n);
      for (let i = 0; i < height; i++) {
        const path = cut(sig, 8 + otsBytes + i * n, n);
        t = cut(
          h.sha(
            h.cat([I, u32(Math.floor(node / 2)), 0x83, 0x83, node & 1 ? [path, t] : [t, path]]),
          ),
          0,
          n,
        );
        node = Math.floor(node / 2);
      }
      return k.same(t, cut(pub, 24, n));
    },
    sign(I, seed, message) {
      const q = new Uint8Array(4);
      const C = cut(k.hmac(seed, ["C", message]), 0, n);
      const sig = new Uint8Array(4 + n + chains * n);
      sig[3] = otsType;
      sig.set(C, 4);
      const b = buffer(I, q);
      digits(I, q, C, message, (i, d) => {
        const x = cut(h.sha(h.cat([I, q, 0, i, 255, seed])), 0, n);
        sig.set(chain(b, i, 0, d, x), 28 + i * n);
      });
      return sig;
    },
  };
};
