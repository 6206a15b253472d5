/** How the payload of a release goes to one device: plain, packed, or as a patch of the image that it runs.
 *  Nothing here is trusted: the device hashes what comes out, and falls back to plain by itself. */
import { heatshrink } from "./heatshrink.ts";
import { diff, patchAt, type Stretch } from "./patch.ts";

/** Which codings may be used: all, no patches, none. */
export type Coding = "any" | "packed" | "plain";

/** An image by its bytes and its digest, hex. */
export interface Image {
  bytes: Uint8Array;
  digest: string;
}

/** One block as it goes out: 1 plain, 2 packed, 3 patched. */
export interface Coded {
  what: 1 | 2 | 3;
  data: Uint8Array;
  /** bytes of the image that come of it */
  gives: number;
}

/** Bytes that a FETCH and the head of its BLOCK cost on any carrier, sealed: what a longer stretch saves. */
const askBytes = 90;
/** Pairs of images whose differences are kept; one holds about a number per changed place. */
const pairsMax = 16;
/** Packed blocks that are kept: at most 512 bytes each. */
const blocksMax = 4096;

/** Chooses codings, and keeps what it has worked out for the other devices of the rollout. */
export class PayloadCoder {
  readonly #stretches = new Map<string, Stretch[]>();
  readonly #packed = new Map<string, Uint8Array>();

  /** The cheapest way to the next bytes of the target.
   *  @param target what the device is to have
   *  @param source the very image that the device runs, null when it is not known
   *  @param length of a plain block */
  next(target: Image, source: Image | null, offset: number, length: number): Coded {
    const plain = target.bytes.slice(offset, offset + length);
    const price = (bytes: number, gives: number) => (bytes + askBytes) / gives;
    let best: Coded = { what: 1, data: plain, gives: plain.length };
    let least = price(plain.length, plain.length);
    const packed = kept(this.#packed, blocksMax, `${target.digest} ${offset} ${length}`, () =>
      heatshrink(plain),
    );
    if (price(packed.length, plain.length) < least) {
      best = { what: 2, data: packed, gives: plain.length };
      least = price(packed.length, plain.length);
    }
    if (source === null) return best;
    const stretches = kept(this.#stretches, pairsMax, `${source.digest} ${target.digest}`, () =>
      diff(source.bytes, target.bytes),
    );
    const place = { offset, blockBytes: length, programMax: length };
    const patch = patchAt(stretches, target.bytes, place);
    if (patch === null || price(patch.program.length, patch.endsAt - offset) >= least) return best;
    return { what: 3, data: patch.program, gives: patch.endsAt - offset };
  }
}

/** A value worked out once; the one asked for longest ago goes when there are too many. */
function kept<T>(map: Map<string, T>, max: number, key: string, work: () => T): T {
  const value = map.get(key) ?? work();
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= max) break;
    map.delete(oldest);
  }
  return value;
}
