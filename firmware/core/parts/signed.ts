import { IdAt } from "../../flash/identity.ts";
import type { Bytes } from "../../hal/hal.ts";
import { Code } from "../../protocol/errors.ts";
import { envelopeBytesMax } from "../../protocol/limits.ts";
import type { Kit } from "../kit.ts";
import { Part } from "../parts.ts";
import type { Lms } from "./lms.ts";

/** The signatures of an envelope, checked before anything in the manifest is read. A part of its own: what reads the
 *  manifest is not in memory while LMS is at work, nor the envelope while the manifest is read.
 *  @returns envelope → a copy of its manifest's bytes; throws a Code and has then written nothing
 *  Source: SPEC.md §6; draft-ietf-suit-manifest §6, §8.3 */
export default (k: Kit) =>
  (envelope: Bytes): Bytes => {
    const isBytes = (v: any): v is Bytes => v instanceof Uint8Array;
    const need = (ok: any, code: Code) => {
      if (!ok) throw code;
    };
    /** Decodes what has to be a byte string holding one item. */
    const inside = (v: any) => {
      need(isBytes(v), Code.ManifestMalformed);
      try {
        return k.decode(v);
      } catch {
        throw Code.ManifestMalformed;
      }
    };
    const rest = (b: Bytes, o: number) => new Uint8Array(b.buffer, b.byteOffset + o, b.length - o);

    need(envelope.length <= envelopeBytesMax, Code.ManifestTooLarge);
    need(envelope[0] === 0xd8 && envelope[1] === 107, Code.ManifestMalformed);
    const e = inside(rest(envelope, 2));
    need(e && typeof e === "object", Code.ManifestMalformed);
    Object.keys(e).forEach((key) => need(key === "2" || key === "3", Code.ManifestOutsideProfile));
    need(isBytes(e[2]) && isBytes(e[3]), Code.ManifestMalformed);
    const auth = inside(e[2]);
    need(Array.isArray(auth) && auth.length < 8, Code.ManifestMalformed);
    const digest = inside(auth[0]);
    need(
      Array.isArray(digest) && digest.length === 2 && digest[0] === -16 && isBytes(digest[1]),
      Code.ManifestDigest,
    );
    need(k.same(k.h.sha(k.encode(e[3])), digest[1]), Code.ManifestDigest);

    // Key set: version u16, threshold, count; then at most three public keys of 48 bytes.
    const keySet = k.h.read(IdAt.KeySet, 4);
    const keys: Bytes[] = [];
    for (let i = 0; i < keySet[3]! && i < 3; i++) keys.push(k.h.read(IdAt.Keys + 48 * i, 48));
    const used: boolean[] = [];
    let good = 0;
    let problem: Code = Code.ManifestNoSignature;
    for (let i = 1; i < auth.length; i++) {
      need(isBytes(auth[i]) && auth[i][0] === 0xd2, Code.ManifestMalformed);
      const c = inside(rest(auth[i], 1));
      need(
        Array.isArray(c) && c.length === 4 && c[2] === null && isBytes(c[3]),
        Code.ManifestMalformed,
      );
      if (inside(c[0])[1] !== -46) continue;
      const kid = c[1] && c[1][4];
      let found = -1;
      keys.forEach((key, n) => {
        if (isBytes(kid) && k.same(k.cut(k.h.sha(key), 0, 8), kid)) found = n;
      });
      if (found < 0 || used[found]) {
        problem = Code.ManifestKeyUnknown;
        continue;
      }
      const signed = k.encode(["Signature1", c[0], new Uint8Array(0), auth[0]]);
      const prefix = c[3];
      const l1 = !(prefix[0] | prefix[1] | prefix[2] | prefix[3]);
      if (l1 && (k.part(Part.Lms) as Lms).verify(keys[found]!, signed, rest(prefix, 4))) {
        used[found] = true;
        good++;
      } else problem = Code.ManifestSignature;
    }
    need(good && good >= keySet[2]!, problem);
    return k.h.cat(e[3]);
  };
