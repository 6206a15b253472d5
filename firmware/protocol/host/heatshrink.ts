/** heatshrink as the interpreter's library speaks it: LZSS, most significant bit first. A 1 and eight bits are a byte;
 *  a 0, eight bits of distance − 1 and six bits of length − 1 repeat what was written.
 *  Source: interpreter libs/compression (window 8, lookahead 6) */

const windowBits = 8;
const lengthBits = 6;
const windowBytes = 1 << windowBits;
const repeatBytesMax = 1 << lengthBits;
const literalCost = 9;
const repeatCost = 1 + windowBits + lengthBits;

/** Packs bytes into as few bits as the format allows. Pure.
 *  @param data any bytes @returns what `require("heatshrink").decompress` turns back into them */
export function heatshrink(data: Uint8Array): Uint8Array {
  const steps = cheapestSteps(data);
  const bits = new BitWriter();
  for (let at = 0; at < data.length; ) {
    const [length, distance] = steps[at]!;
    if (length === 1) bits.put(0x100 | data[at]!, 9);
    else {
      bits.put(distance - 1, 1 + windowBits);
      bits.put(length - 1, lengthBits);
    }
    at += length;
  }
  return bits.bytes();
}

/** Unpacks. Pure.
 *  @throws RangeError when a repeat reaches before the beginning or the result grows beyond `bytesMax` */
export function unshrink(data: Uint8Array, bytesMax = 1 << 20): Uint8Array {
  const out: number[] = [];
  let at = 0;
  const take = (count: number) => {
    let value = 0;
    for (; count > 0; count--, at++)
      value = (value << 1) | ((data[at >> 3]! >> (7 - (at & 7))) & 1);
    return value;
  };
  const has = (count: number) => at + count <= data.length * 8;
  while (has(1)) {
    if (take(1)) {
      if (!has(8)) break;
      out.push(take(8));
    } else {
      // Less than a whole repeat is what fills the last byte.
      if (!has(windowBits + lengthBits)) break;
      const from = out.length - take(windowBits) - 1;
      if (from < 0) throw new RangeError(`packed data: bit ${at} repeats what is not there`);
      for (let n = take(lengthBits), i = 0; i <= n; i++) out.push(out[from + i]!);
    }
    if (out.length > bytesMax)
      throw new RangeError(`packed data: expected at most ${bytesMax} bytes, got more`);
  }
  return Uint8Array.from(out);
}

/** For each place the step (length, distance) with which the rest costs least. */
function cheapestSteps(data: Uint8Array): [length: number, distance: number][] {
  const costs = new Uint32Array(data.length + 1);
  const steps: [number, number][] = [];
  for (let at = data.length - 1; at >= 0; at--) {
    costs[at] = literalCost + costs[at + 1]!;
    steps[at] = [1, 0];
    const [longest, distance] = longestRepeat(data, at);
    for (let length = 2; length <= longest; length++) {
      const cost = repeatCost + costs[at + length]!;
      if (cost >= costs[at]!) continue;
      costs[at] = cost;
      steps[at] = [length, distance];
    }
  }
  return steps;
}

function longestRepeat(data: Uint8Array, at: number): [length: number, distance: number] {
  const most = Math.min(repeatBytesMax, data.length - at);
  let best = 0;
  let found = 0;
  for (let distance = 1; distance <= Math.min(at, windowBytes) && best < most; distance++) {
    let length = 0;
    while (length < most && data[at + length] === data[at + length - distance]) length++;
    if (length > best) [best, found] = [length, distance];
  }
  return [best, found];
}

class BitWriter {
  private readonly out: number[] = [];
  private bit = 0;
  put(value: number, count: number): void {
    for (let i = count - 1; i >= 0; i--, this.bit++) {
      if (this.bit % 8 === 0) this.out.push(0);
      if ((value >> i) & 1) this.out[this.out.length - 1]! |= 128 >> (this.bit & 7);
    }
  }
  bytes(): Uint8Array {
    return Uint8Array.from(this.out);
  }
}
