import type { Bytes } from "../../hal/hal.ts";
import { Code } from "../../protocol/errors.ts";
import { envelopeBytesMax } from "../../protocol/limits.ts";
import type { Kit } from "../kit.ts";
import { Part } from "../parts.ts";
import type { LmsVerify } from "./lms.ts";
import type { State } from "./state.ts";

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
    const rest = (b: Bytes, o: number) => new Uint8Array(b.buffer, b.byteOffset + o, b.length - o);
    const read = (b: any) => {
      try {
        // What is no byte string has no buffer and ends here too.
        return k.decode(rest(b, 0));
      } catch {
        throw Code.ManifestMalformed;
      }
    };
    const is = (b: Bytes, o: number, bytes: any) => k.same(k.cut(b, o, bytes.length), bytes);

    need(envelope.length <= envelopeBytesMax, Code.ManifestTooLarge);
    need(envelope[0] === 0xd8 && envelope[1] === 107, Code.ManifestMalformed);
    const e = read(k.cut(envelope, 2, envelope.length - 2));
    need(e && typeof e === "object", Code.ManifestMalformed);
    Object.keys(e).forEach((key) => need(key === "2" || key === "3", Code.ManifestOutsideProfile));
    const auth = read(e[2]);
    need(isBytes(e[3]) && Array.isArray(auth) && auth.length < 8, Code.ManifestMalformed);
    // The digest covers the byte string's own header too (draft §8.3).
    need(
      isBytes(auth[0]) && k.same(k.encode([-16, k.h.sha(k.encode(e[3]))]), auth[0]),
      Code.ManifestDigest,
    );

    const set = (k.part(Part.State) as State).keySet();
    const used: any = {};
    let good = 0;
    let unknown = 0;
    auth.forEach((b: Bytes) => {
      // COSE_Sign1 of algorithm -46 in its one form: header, key id, no payload, HSS signature of one level. Whatever
      // else stands here counts for nothing and harms nothing: other algorithms may stand beside.
      need(isBytes(b), Code.ManifestMalformed);
      const n = b.length - 22;
      if (
        n < 256 ||
        !is(b, 0, [0xd2, 0x84, 0x44, 0xa1, 1, 0x38, 0x2d, 0xa1, 4, 0x48]) ||
        !is(b, 18, [0xf6, 0x59, n >> 8, n & 255, 0, 0, 0, 0])
      )
        return;
      let found = -1;
      for (let i = 0; i < set[2].length; i += 48)
        if (is(b, 10, k.cut(k.h.sha(k.cut(set[2], i, 48)), 0, 8))) found = i;
      if (found < 0) unknown = 1;
      else if (!used[found]) {
        const signed = k.encode(["Signature1", k.cut(b, 3, 4), new Uint8Array(0), auth[0]]);
        const verify: LmsVerify = k.part(Part.Lms);
        need(verify(k.cut(set[2], found, 48), signed, rest(b, 26)), Code.ManifestSignature);
        used[found] = 1;
        good++;
      }
    });
    need(
      good && good >= set[1],
      good ? Code.ThresholdMissed : unknown ? Code.ManifestKeyUnknown : Code.ManifestNoSignature,
    );
    return k.h.cat(e[3]);
  };
