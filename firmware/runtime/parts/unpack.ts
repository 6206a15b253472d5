import type { Kit } from "../../core/kit.ts";
import { readSlots } from "../../core/slots.ts";
import type { Bytes } from "../../hal/hal.ts";
import { Code } from "../../protocol/errors.ts";
import { patchBytesMax } from "../../protocol/limits.ts";

declare const require: (name: string) => any;

const packed = 2;
const patched = 3;

/** Gives the plain bytes of a BLOCK to `put`, a block at a time. It stands in the slot and not in the core, because
 *  recovery takes plain images only.
 *  @returns (BLOCK, put) → nothing; throws Code.PatchMalformed and whatever `put` throws. Source: SPEC.md §9.1 */
export default (k: Kit) =>
  (m: any[], put: (plain: Bytes) => void): void => {
    const data: Bytes = m[5];
    if (m[1] === packed) {
      put(new Uint8Array(require("heatshrink").decompress(data)));
      return;
    }
    const slots = readSlots(k);
    const source = k.slot(slots);
    if (m[1] !== patched || !source || !data.length) throw Code.PatchMalformed;
    const sourceAt = slots[0] ? BOARD.slotB : BOARD.slotA;
    const end = Math.min(m[4], (m[3] | (patchBytesMax - 1)) + 1);
    const buffer = new Uint8Array(BOARD.blockBytes);
    let fill = 0;
    let made = m[3];
    let from = m[3];
    let i = 0;
    const number = () => {
      let n = 0;
      for (let shift = 0; shift < 28; shift += 7) {
        const b = data[i++]!;
        n |= (b & 127) << shift;
        if (b < 128) return n;
      }
      throw Code.PatchMalformed;
    };
    while (i < data.length) {
      let n = number();
      const isCopy = n & 1;
      n >>= 1;
      if (isCopy) {
        const move = number();
        from += move & 1 ? -((move + 1) >> 1) : move >> 1;
      }
      const last = isCopy ? source[1] - from : data.length - i;
      if (!n || from < 0 || n > last || made + n > end) throw Code.PatchMalformed;
      while (n) {
        const step = Math.min(n, BOARD.blockBytes - fill);
        buffer.set(isCopy ? k.h.read(sourceAt + from, step) : k.cut(data, i, step), fill);
        if (isCopy) from += step;
        else i += step;
        fill += step;
        made += step;
        n -= step;
        if (fill === BOARD.blockBytes || made === m[4]) {
          put(k.cut(buffer, 0, fill));
          fill = 0;
        }
      }
    }
    // What does not fill a block would be lost.
    if (fill) throw Code.PatchMalformed;
  };
