/** Patches: an image told by the one that runs. Source: SPEC.md §9.1 */
import { Code } from "../errors.ts";
import { blockBytesMax, patchBytesMax } from "../limits.ts";
import { CodedError } from "./codedError.ts";

/** A stretch of the target: copied from `from` in the source, or literal where `from` is −1. */
export interface Stretch {
  at: number;
  length: number;
  from: number;
}

const seedBytes = 6;
/** Places of the source that are tried per seed: bounds the time where a text repeats itself. */
const triesMax = 32;

/** Tells a target by stretches of a source. Greedy, longest copy first, with a step of one byte back. Pure. */
export function diff(source: Uint8Array, target: Uint8Array): Stretch[] {
  const seeds = seedsOf(source);
  const stretches: Stretch[] = [];
  let literalAt = 0;
  let at = 0;
  let expected = 0;
  const literal = (end: number) => {
    if (end > literalAt) stretches.push({ at: literalAt, length: end - literalAt, from: -1 });
  };
  while (at + seedBytes <= target.length) {
    const found = longest(source, target, at, seeds, expected);
    if (found.length < seedBytes) {
      at++;
      continue;
    }
    let { from, length } = found;
    while (at > literalAt && from > 0 && target[at - 1] === source[from - 1]) {
      at--;
      from--;
      length++;
    }
    literal(at);
    stretches.push({ at, length, from });
    at += length;
    literalAt = at;
    expected = from + length;
  }
  literal(target.length);
  return stretches;
}

/** The program of one patched block: what follows `offset` in the target, at most to the next multiple of patchBytesMax,
 *  and at most `programMax` bytes long. It ends on a multiple of blockBytes or at the target's end.
 *  @returns null when not even one block fits */
export function patchAt(
  stretches: readonly Stretch[],
  target: Uint8Array,
  place: { offset: number; blockBytes: number; programMax?: number },
): { program: Uint8Array; endsAt: number } | null {
  const { offset, blockBytes, programMax = blockBytesMax } = place;
  const limit = Math.min(target.length, offset + patchBytesMax - (offset % patchBytesMax));
  const reach = (blocks: number) => Math.min(limit, offset + blocks * blockBytes);
  // The longest program that fits: each block more makes it longer, so halving finds it.
  let best: { program: Uint8Array; endsAt: number } | null = null;
  let least = 1;
  let most = Math.ceil((limit - offset) / blockBytes);
  while (least <= most) {
    const blocks = (least + most) >> 1;
    const program = encodeTo(stretches, target, offset, reach(blocks));
    if (program.length > programMax) most = blocks - 1;
    else {
      best = { program, endsAt: reach(blocks) };
      least = blocks + 1;
    }
  }
  return best;
}

function encodeTo(stretches: readonly Stretch[], target: Uint8Array, offset: number, end: number) {
  const out: number[] = [];
  let source = offset;
  for (const stretch of stretches) {
    const at = Math.max(stretch.at, offset);
    const length = Math.min(stretch.at + stretch.length, end) - at;
    if (length <= 0) continue;
    const isCopy = stretch.from >= 0;
    number(out, length * 2 + (isCopy ? 1 : 0));
    if (!isCopy) out.push(...target.subarray(at, at + length));
    else {
      const from = stretch.from + at - stretch.at;
      const move = from - source;
      number(out, move < 0 ? -move * 2 - 1 : move * 2);
      source = from + length;
    }
  }
  return Uint8Array.from(out);
}

/** Carries out a program as a device does: the reference for tests and for the agent's own check.
 *  @throws CodedError PatchMalformed */
export function applyPatch(
  source: Uint8Array,
  program: Uint8Array,
  place: { offset: number; totalBytes: number },
): Uint8Array {
  const malformed = (text: string) => new CodedError(Code.PatchMalformed, `patch: ${text}`);
  const { offset, totalBytes } = place;
  const limit = Math.min(totalBytes, offset + patchBytesMax - (offset % patchBytesMax)) - offset;
  const out: number[] = [];
  let from = offset;
  let i = 0;
  const read = () => {
    let n = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = program[i++];
      if (byte === undefined) throw malformed("a number is cut off");
      n |= (byte & 127) << shift;
      if (byte < 128) return n;
    }
    throw malformed("a number is too long");
  };
  if (program.length === 0) throw malformed("it is empty");
  while (i < program.length) {
    const head = read();
    const length = head >> 1;
    if (head & 1) {
      const move = read();
      from += move & 1 ? -((move + 1) >> 1) : move >> 1;
    }
    const last = head & 1 ? source.length - from : program.length - i;
    if (length === 0 || from < 0 || length > last) throw malformed("it reads outside the source");
    if (out.length + length > limit) throw malformed("it gives more than the image has");
    if (head & 1) {
      out.push(...source.subarray(from, from + length));
      from += length;
    } else {
      out.push(...program.subarray(i, i + length));
      i += length;
    }
  }
  return Uint8Array.from(out);
}

function number(out: number[], value: number): void {
  let rest = value;
  while (rest > 127) {
    out.push((rest & 127) | 128);
    rest >>= 7;
  }
  out.push(rest);
}

/** Places of the source by their first bytes: chains of equal hash, the first place first. */
interface Seeds {
  first: Int32Array;
  next: Int32Array;
}

const hashBits = 16;

function hashAt(data: Uint8Array, at: number): number {
  let h = 0;
  for (let i = 0; i < seedBytes; i++) h = Math.imul(h ^ data[at + i]!, 0x9e3779b1);
  return h >>> (32 - hashBits);
}

function seedsOf(source: Uint8Array): Seeds {
  const first = new Int32Array(1 << hashBits).fill(-1);
  const next = new Int32Array(source.length).fill(-1);
  for (let at = source.length - seedBytes; at >= 0; at--) {
    const hash = hashAt(source, at);
    next[at] = first[hash]!;
    first[hash] = at;
  }
  return { first, next };
}

function longest(
  source: Uint8Array,
  target: Uint8Array,
  at: number,
  seeds: Seeds,
  expected: number,
): { from: number; length: number } {
  let best = { from: 0, length: 0 };
  const tryAt = (from: number) => {
    let length = 0;
    while (
      at + length < target.length &&
      from + length < source.length &&
      target[at + length] === source[from + length]
    ) {
      length++;
    }
    // Equal lengths: the place where the last copy ended costs least.
    if (length > best.length || (length === best.length && from === expected))
      best = { from, length };
  };
  let from = seeds.first[hashAt(target, at)]!;
  for (let tries = 0; from >= 0 && tries < triesMax; tries++) {
    tryAt(from);
    from = seeds.next[from]!;
  }
  tryAt(expected);
  return best;
}
