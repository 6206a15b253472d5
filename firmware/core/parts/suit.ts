import { IdAt } from "../../flash/identity.ts";
import type { Bytes } from "../../hal/hal.ts";
import { Code } from "../../protocol/errors.ts";
import { manifestCommandsMax } from "../../protocol/limits.ts";
import type { Kit } from "../kit.ts";

/** [sequence, size, digest, floor, trial minutes, least battery mV] */
export type Plan = [number, number, Bytes, number, number, number];

/** The strict SUIT profile of a manifest whose signatures have checked (signed.ts); anything outside has a code of its own.
 *  @returns manifest → Plan; throws a Code and has then written nothing
 *  Source: SPEC.md §6; draft-ietf-suit-manifest §8 */
export default (k: Kit) =>
  (manifest: Bytes): Plan => {
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
    const m = inside(manifest, Code.ManifestMalformed);
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
