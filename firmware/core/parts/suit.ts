import { IdAt } from "../../flash/identity.ts";
import type { Bytes } from "../../hal/hal.ts";
import { Code } from "../../protocol/errors.ts";
import { manifestCommandsMax } from "../../protocol/limits.ts";
import type { Kit } from "../kit.ts";
import { readSlots } from "../slots.ts";

/** Least and greatest value of each vital on trial, by its number; null = no bound. */
export type Limits = { [vital: string]: [number | null, number | null] };

/** [sequence, size, digest, floor, trial minutes, least battery mV, vitals limits, variables that must be free, floor that
 *  a downgrade ticket is for] */
export type Plan = [
  number,
  number,
  Bytes,
  number,
  number,
  number,
  Limits | null,
  number,
  number | null,
];

/** The strict SUIT profile of a manifest whose signatures have checked (signed.ts); anything outside has a code of its own.
 *  host/suitProfile.ts is the same in the host's terms, with the same verdict on every input.
 *  @returns manifest → Plan; throws a Code and has then written nothing
 *  Source: SPEC.md §6; draft-ietf-suit-manifest §8 */
export default (k: Kit) =>
  (manifest: Bytes): Plan => {
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
    /** Keys of a map; with `allowed`, no others. A list in its place has key 0, which is allowed nowhere. */
    const keysOf = (map: any, allowed?: string) => {
      need(map && typeof map === "object", Code.ManifestMalformed);
      const keys = Object.keys(map);
      if (allowed)
        keys.forEach((key) =>
          need(allowed.indexOf("," + key + ",") >= 0, Code.ManifestOutsideProfile),
        );
      return keys;
    };
    const isPair = (v: any) => Array.isArray(v) && v.length === 2;
    const isCount = (v: any) => typeof v === "number" && v >= 0;

    const m = inside(manifest);
    keysOf(m, ",1,2,3,7,9,20,23,");
    need(m[1] === 1, Code.ManifestVersion);
    const common = inside(m[3]);
    keysOf(common, ",1,2,4,");
    // One component, h'00', and no dependencies, whatever they are.
    need(
      !(1 in common) && k.same(k.encode(common[2]), [0x81, 0x81, 0x41, 0]),
      Code.DependencyUnknown,
    );

    const p: any = {};
    const done: any = {};
    let commands = 0;
    const version = (s: any) => parseInt(s, 10) * 1000 + parseInt(("" + s).split("v")[1]!, 10);
    const slot = readSlots(k)[0] === 0 ? 1 : 0;
    const isId = (c: number, at: number) => isBytes(p[c]) && k.same(p[c], k.h.read(at, 16));
    const run = (sequence: any, allowed: number[]) => {
      const a = inside(sequence);
      need(Array.isArray(a) && a.length && !(a.length & 1), Code.ManifestMalformed);
      for (let i = 0; i < a.length; i += 2) {
        const c = a[i];
        const arg = a[i + 1];
        need(
          ++commands <= manifestCommandsMax && allowed.indexOf(c) >= 0,
          Code.ManifestOutsideProfile,
        );
        if (c === 20) {
          keysOf(arg, ",1,2,3,5,14,21,-1,-2,-3,-4,-5,-6,-7,").forEach((key) => {
            p[key] = arg[key];
          });
        } else if (c === 15) {
          let failed: any = Code.ManifestOutsideProfile;
          need(Array.isArray(arg), failed);
          for (let j = 0; failed && j < arg.length; j++)
            try {
              if (arg[j] !== null) run(arg[j], allowed.slice(0, -1));
              failed = 0;
            } catch (e) {
              // Only a condition moves on to the next alternative.
              failed = e;
              if (e !== Code.WrongSlot && !((e as number) > 107 && (e as number) < 111)) throw e;
            }
          need(!failed, failed);
        } else {
          need(isCount(arg) && arg < 16, Code.ManifestOutsideProfile);
          if (c === 1) need(isId(1, IdAt.Vendor), Code.WrongVendor);
          if (c === 2) need(isId(2, IdAt.Class), Code.WrongClass);
          if (c === 5) need(p[5] === slot, Code.WrongSlot);
          if (c === 21) need(p[21] === "fl:payload", Code.ManifestOutsideProfile);
          if (c === -1)
            need(
              isPair(p[-2]) &&
                version(p[-2][0]) <= version(process.version) &&
                version(process.version) <= version(p[-2][1]),
              Code.WrongInterpreter,
            );
        }
        done[c] = 1;
      }
    };
    // Try-each stands last: its own alternatives have all but it.
    run(common[4], [20, 1, 2, 5, 15]);
    run(m[20], [-1, 20, 21, 3, 5, 15]);
    run(m[7], [3]);
    run(m[9], [23]);
    need(done[1] && done[2] && done[21] && done[-1], Code.ManifestOutsideProfile);
    // SUIT_Digest of SHA-256.
    need(
      isBytes(p[3]) && p[3].length === 36 && k.same(k.cut(p[3], 0, 4), [0x82, 0x2f, 0x58, 0x20]),
      Code.ManifestOutsideProfile,
    );
    const numbers = [m[2], p[14], p[-1], p[-3] || 0, p[-4] || 0, p[-6] || 0, p[-7] || 0];
    numbers.forEach((v) => need(isCount(v), Code.ManifestMalformed));
    need(m[2] && p[14], Code.ManifestOutsideProfile);
    need(p[-1] <= m[2], Code.FloorAboveSequence);
    if (p[-5]) keysOf(p[-5]).forEach((vital) => need(isPair(p[-5][vital]), Code.ManifestMalformed));
    return [
      m[2],
      p[14],
      k.h.cat(k.cut(p[3], 4, 32)),
      p[-1],
      numbers[3],
      numbers[4],
      p[-5] || null,
      numbers[5],
      isCount(p[-7]) ? p[-7] : null,
    ];
  };
