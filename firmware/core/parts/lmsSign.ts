import { otsBytes as n, otsChains, otsDigits, otsType } from "../../crypto/lmots.ts";
import type { Bytes } from "../../hal/hal.ts";
import type { Kit } from "../kit.ts";

/** Signs the one thing that a device signs, with a one-time key (q = 0). */
export type LmsSign = (I: Bytes, seed: Bytes, message: Bytes) => Bytes;

/** Apart from verification, because it runs once in a life. Source: SPEC.md §7; RFC 8554 §4.5, Appendix A */
export default (k: Kit): LmsSign =>
  (I, seed, message) => {
    const h = k.h;
    const q = new Uint8Array(4);
    const C = k.cut(k.hmac(seed, ["C", message]), 0, n);
    const Q = otsDigits(h, I, q, C, message);
    const sig = new Uint8Array(4 + n + otsChains * n);
    sig[3] = otsType;
    sig.set(C, 4);
    for (let i = 0; i < otsChains; i++) {
      let x = k.cut(h.sha(h.cat([I, q, 0, i, 255, seed])), 0, n);
      const digit = i & 1 ? Q[i >> 1]! & 15 : Q[i >> 1]! >> 4;
      for (let j = 0; j < digit; j++) x = k.cut(h.sha(h.cat([I, q, 0, i, j, x])), 0, n);
      sig.set(x, 28 + i * n);
    }
    return sig;
  };
