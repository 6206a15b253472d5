/** Serial framing of SPEC.md §5: `FE · length u16be · payload · CRC-32 u32be`, and a decoder that finds its way back. */
import { messageBytesMax } from "../limits.ts";

/** Longest payload on a line: a wipe receipt (1,252 B signature and its body) has to pass too. */
export const linePayloadBytesMax = messageBytesMax;
/** FE, length and CRC. */
export const lineOverheadBytes = 7;
const startByte = 0xfe;

/** Frames one payload.
 *  @throws RangeError when it is empty or longer than a line carries */
export function encodeLine(payload: Uint8Array): Uint8Array {
  if (payload.length === 0 || payload.length > linePayloadBytesMax) {
    throw new RangeError(`line: expected 1..${linePayloadBytesMax} bytes, got ${payload.length}`);
  }
  const out = new Uint8Array(payload.length + lineOverheadBytes);
  const view = new DataView(out.buffer);
  out[0] = startByte;
  view.setUint16(1, payload.length);
  out.set(payload, 3);
  view.setUint32(3 + payload.length, crc32(payload));
  return out;
}

/** Decoder of one line. Noise costs at most the frames it touches; the buffer never exceeds one frame and one chunk. */
export class LineDecoder {
  #buffer: Uint8Array = new Uint8Array(0);
  /** bytes thrown away so far because they were part of no frame */
  skippedBytes = 0;

  /** Takes what came in.
   *  @returns the payloads that are complete now, in order */
  push(chunk: Uint8Array): Uint8Array[] {
    const joined = new Uint8Array(this.#buffer.length + chunk.length);
    joined.set(this.#buffer);
    joined.set(chunk, this.#buffer.length);
    const payloads: Uint8Array[] = [];
    let at = 0;
    while (at < joined.length) {
      const length = frameAt(joined, at);
      if (length === "incomplete") break;
      if (length === "noFrame") {
        at++;
        this.skippedBytes++;
        continue;
      }
      payloads.push(joined.slice(at + 3, at + 3 + length));
      at += length + lineOverheadBytes;
    }
    this.#buffer = joined.slice(at);
    return payloads;
  }

  /** Called when the line was silent for longer than a frame takes: a start that was noise must not hold back what
   *  came after it.
   *  @returns payloads found behind the false start */
  idle(): Uint8Array[] {
    const payloads: Uint8Array[] = [];
    while (this.#buffer.length > 0) {
      const rest = this.#buffer.slice(1);
      this.skippedBytes++;
      this.#buffer = new Uint8Array(0);
      payloads.push(...this.push(rest));
    }
    return payloads;
  }
}

/** CRC-32 (IEEE), as unsigned number. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ crcTable[(crc ^ byte) & 0xff]!;
  return (crc ^ 0xffffffff) >>> 0;
}

const crcTable = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});

function frameAt(bytes: Uint8Array, at: number): number | "incomplete" | "noFrame" {
  if (bytes[at] !== startByte) return "noFrame";
  const left = bytes.length - at;
  if (left < 3) return "incomplete";
  const length = (bytes[at + 1]! << 8) | bytes[at + 2]!;
  if (length === 0 || length > linePayloadBytesMax) return "noFrame";
  if (left < length + lineOverheadBytes) return "incomplete";
  const end = at + 3 + length;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return view.getUint32(end) === crc32(bytes.subarray(at + 3, end)) ? length : "noFrame";
}
