import { otsBytes as n, otsChains, otsDigits, otsType } from "../../crypto/lmots.ts";
import type { Bytes } from "../../hal/hal.ts";
import type { Kit } from "../kit.ts";

/** @returns true iff sig (LMS, RFC 8554 §5.4) of message verifies under the 48-byte public key.
 *  The bytes of sig are used up. */
export type LmsVerify = (pub: Bytes, message: Bytes, sig: Bytes) => boolean;

/** LMS verification on native hash calls only: about 430. Source: RFC 8554 §4–5, RFC 9858 */
export default (k: Kit): LmsVerify =>
  (pub, message, sig) => {
    const h = k.h;
    const cut = k.cut;
    const be = (b: Bytes, o: number) =>
      ((b[o]! << 24) | (b[o + 1]! << 16) | (b[o + 2]! << 8) | b[o + 3]!) >>> 0;
    const I = cut(pub, 8, 16);
    const type = be(pub, 0);
    const height = 5 * (type - 9);
    const path = 8 + 4 + n + otsChains * n;
    if (type < 10 || type > 14 || be(pub, 4) !== otsType) return false;
    if (sig.length !== path + height * n) return false;
    const q = cut(sig, 0, 4);
    let node = be(sig, 0) + (1 << height);
    if (node >= 2 << height || be(sig, 4) !== otsType || be(sig, path - 4) !== type) return false;
    const Q = otsDigits(h, I, q, cut(sig, 8, n), message);
    // One buffer I‖q‖i‖j‖value for every step. A hash is written over the value as it comes: 32 bytes, of which the
    // next step reads 24. This loop is what the time goes into, so nothing is called in it but the hash.
    let b = h.cat([I, q, new Uint8Array(35)]);
    let input = cut(b, 0, 47);
    const value = cut(b, 23, n);
    const hash = h.hash;
    for (let i = 0; i < otsChains; i++) {
      const at = 32 + i * n;
      let j = i & 1 ? Q[i >> 1]! & 15 : Q[i >> 1]! >> 4;
      b[21] = i;
      b.set(cut(sig, at, n), 23);
      while (j < 15) {
        b[22] = j++;
        b.set(hash(input), 23);
      }
      // The chain's end takes the place of what it came from: a copy would cost 140 variables at the worst moment.
      sig.set(value, at);
    }
    // What is hashed next is I‖q‖D_PBLK and the chains' ends; its head takes the place of C, which has served.
    sig.set(h.cat([I, q, 0x80, 0x80]), 10);
    let t = hash(cut(sig, 10, 22 + otsChains * n));
    // I‖node‖D_LEAF‖key, then I‖node‖D_INTR‖left‖right for each parent; again a hash is written as it comes.
    b = h.cat([I, q, 0x82, 0x82, new Uint8Array(56)]);
    input = cut(b, 0, 46);
    for (let i = -1; i < height; i++) {
      b.set(t, i >= 0 && node & 1 ? 46 : 22);
      if (i >= 0) {
        b.set(cut(sig, path + i * n, n), node & 1 ? 22 : 46);
        node >>= 1;
      }
      b.set([node >> 24, node >> 16, node >> 8, node], 16);
      t = hash(input);
      if (i < 0) {
        b[20] = b[21] = 0x83;
        input = cut(b, 0, 70);
      }
    }
    b.set(t, 22);
    return k.same(cut(b, 22, n), cut(pub, 24, n));
  };
