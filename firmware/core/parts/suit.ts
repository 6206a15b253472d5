import { IdAt } from "../../flash/identity.ts";
import type { Bytes } from "../../hal/hal.ts";
import { Code } from "../../protocol/errors.ts";
import { envelopeBytesMax, manifestCommandsMax } from "../../protocol/limits.ts";
import type { Kit } from "../kit.ts";
import { Part } from "../parts.ts";
import type { Lms } from "./lms.ts";

/** [sequence, size, digest, floor, trial minutes, least battery mV] */
export type Plan = [number, number, Bytes, number, number, number];

/** The strict SUIT profile: signature before parsing; anything outside has a code of its own.
 *  @returns envelope → Plan; throws a Code and has then written nothing
 *  Source: SPEC.md §6; draft-ietf-suit-manifest §6, §8 */
export default (k: Kit) =>
  (envelope: Bytes): Plan => {
    const isBytes = (v: any): v is Bytes => v instanceof Uint8Array;
    const need = (ok: any, code: Code) => {
      if (!ok) throw code;
    };
    /** Decodes what has to be a byte string holding one item. */
    const inside = (v: any, code: Code) => {
      need(isBytes(v), code);
      try {
        return k.decode(v);
      } catch {
        throw code;
      }
    };
    const only = (map: any, allowed: string) => {
      need(
        map && typeof map === "object" && !isBytes(map) && !Array.isArray(map),
        Code.ManifestMalformed,
      );
      Object.keys(map).forEach((key) =>
        need(allowed.indexOf("," + key + ",") >= 0, Code.ManifestOutsideProfile),
      );
    };
    const rest = (b: Bytes, o: number) => new Uint8Array(b.buffer, b.byteOffset + o, b.length - o);

    need(envelope.length <= envelopeBytesMax, Code.ManifestTooLarge);
    need(envelope[0] === 0xd8 && envelope[1] === 107, Code.ManifestMalformed);
    const e = inside(rest(envelope, 2), Code.ManifestMalformed);
    only(e, ",2,3,");
    need(isBytes(e[2]) && isBytes(e[3]), Code.ManifestMalformed);
    const auth = inside(e[2], Code.ManifestMalformed);
    need(Array.isArray(auth) && auth.length < 8, Code.ManifestMalformed);
    const digest = inside(auth[0], Code.ManifestMalformed);
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
      const c = inside(rest(auth[i], 1), Code.ManifestMalformed);
      need(
        Array.isArray(c) && c.length === 4 && c[2] === null && isBytes(c[3]),
        Code.ManifestMalformed,
      );
      if (inside(c[0], Code.ManifestMalformed)[1] !== -46) continue;
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

    const m = inside(e[3], Code.ManifestMalformed);
    only(m, ",1,2,3,7,9,20,23,");
    need(m[1] === 1, Code.ManifestVersion);
    const common = inside(m[3], Code.ManifestMalformed);
    only(common, ",2,4,");
    const id = common[2];
    need(
      id &&
        id.length === 1 &&
        id[0].length === 1 &&
        isBytes(id[0][0]) &&
        id[0][0].length === 1 &&
        !id[0][0][0],
      Code.ManifestOutsideProfile,
    );

    const p: any = {};
    const done: any = {};
    let commands = 0;
    const version = (s: any) =>
      parseInt(s, 10) * 1000 + parseInt(("" + s).slice(("" + s).indexOf("v") + 1), 10);
    const isVendorClass = (c: number) => (c === 1 ? Code.WrongVendor : Code.WrongClass);
    const run = (sequence: any, allowed: string) => {
      const a = inside(sequence, Code.ManifestMalformed);
      need(Array.isArray(a) && !(a.length & 1), Code.ManifestMalformed);
      for (let i = 0; i < a.length; i += 2) {
        const c = a[i];
        const arg = a[i + 1];
        need(
          ++commands <= manifestCommandsMax && allowed.indexOf("," + c + ",") >= 0,
          Code.ManifestOutsideProfile,
        );
        if (c === 20) {
          only(arg, ",1,2,3,14,21,-1,-2,-3,-4,");
          Object.keys(arg).forEach((key) => {
            p[key] = arg[key];
          });
        } else if (c === 1 || c === 2)
          need(
            isBytes(p[c]) && k.same(p[c], k.h.read(c === 1 ? IdAt.Vendor : IdAt.Class, 16)),
            isVendorClass(c),
          );
        else if (c === -1) {
          const v = version(process.version);
          const range = p[-2];
          need(
            Array.isArray(range) && version(range[0]) <= v && v <= version(range[1]),
            Code.WrongInterpreter,
          );
        } else if (c === 21) need(p[21] === "fl:payload", Code.ManifestOutsideProfile);
        done[c] = 1;
      }
    };
    run(common[4], ",20,1,2,");
    need(m[20] && m[7] && m[9], Code.ManifestOutsideProfile);
    run(m[20], ",-1,20,21,3,");
    run(m[7], ",3,");
    run(m[9], ",23,");
    need(done[1] && done[2] && done[3] && done[21] && done[-1], Code.ManifestOutsideProfile);
    const image = inside(p[3], Code.ManifestMalformed);
    need(
      Array.isArray(image) && image[0] === -16 && isBytes(image[1]) && image[1].length === 32,
      Code.ManifestMalformed,
    );
    const numbers = [m[2], p[14], p[-1], p[-3] || 0, p[-4] || 0];
    numbers.forEach((v) => need(typeof v === "number" && v >= 0, Code.ManifestMalformed));
    return [m[2], p[14], k.h.cat(image[1]), p[-1], p[-3] || 0, p[-4] || 0];
  };
