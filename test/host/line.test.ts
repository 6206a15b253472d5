import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  crc32,
  encodeLine,
  LineDecoder,
  linePayloadBytesMax,
} from "../../firmware/protocol/host/line.ts";

const payload = (length: number, seed = 1) =>
  Uint8Array.from({ length }, (_, i) => (i * seed + seed) & 255);

/** Everything a decoder gives for these chunks. */
function decodeAll(chunks: Uint8Array[]): Uint8Array[] {
  const decoder = new LineDecoder();
  const all = chunks.flatMap((chunk) => decoder.push(chunk));
  return [...all, ...decoder.idle()];
}

describe("a line", () => {
  it("uses the CRC-32 of IEEE 802.3", () => {
    expect(crc32(Buffer.from("123456789"))).toBe(0xcbf43926);
  });
  it.each([1, 255, 256, linePayloadBytesMax])("carries %i bytes", (length) => {
    expect(decodeAll([encodeLine(payload(length))])).toEqual([payload(length)]);
  });
  it.each([0, linePayloadBytesMax + 1])("does not carry %i bytes", (length) => {
    expect(() => encodeLine(payload(length))).toThrow(RangeError);
  });
  it("carries frames cut into single bytes", () => {
    const bytes = [...encodeLine(payload(20)), ...encodeLine(payload(30, 7))];
    expect(decodeAll(bytes.map((byte) => Uint8Array.of(byte)))).toEqual([
      payload(20),
      payload(30, 7),
    ]);
  });
  it("finds a frame behind noise at once, also behind noise that looks like a start", () => {
    const frame = encodeLine(payload(20));
    for (const noise of [[1, 2, 3], [0xfe], [0xfe, 0xfe], [0xfe, 0, 0], [0xfe, 0xff, 0xff]]) {
      expect(decodeAll([Uint8Array.of(...noise, ...frame)])).toEqual([payload(20)]);
    }
  });
  it("loses one frame, not the next, when any byte was changed", () => {
    const frame = encodeLine(payload(40, 3));
    const next = encodeLine(payload(9));
    for (let i = 0; i < frame.length; i++) {
      const bytes = Uint8Array.of(...frame, ...next);
      bytes[i]! ^= 0x10;
      const got = decodeAll([bytes]);
      expect(got).toContainEqual(payload(9));
      expect(got).not.toContainEqual(payload(40, 3));
    }
  });
  it("loses one frame, not the next, when any byte was lost or came twice", () => {
    const frame = encodeLine(payload(40, 3));
    const next = encodeLine(payload(9));
    for (let i = 0; i < frame.length; i++) {
      const lost = Uint8Array.of(...frame.slice(0, i), ...frame.slice(i + 1), ...next);
      const twice = Uint8Array.of(...frame.slice(0, i + 1), ...frame.slice(i), ...next);
      expect(decodeAll([lost])).toContainEqual(payload(9));
      expect(decodeAll([twice])).toContainEqual(payload(9));
    }
  });
  it("gives exactly what was sent, whatever noise stands between and however it is cut", () => {
    const noise = fc.uint8Array({ maxLength: 8 }).map((bytes) => bytes.filter((b) => b !== 0xfe));
    const part = fc.tuple(noise, fc.uint8Array({ minLength: 1, maxLength: 60 }));
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 6 }),
        fc.integer({ min: 1, max: 50 }),
        (parts, cut) => {
          const bytes = parts.flatMap(([before, body]) => [...before, ...encodeLine(body)]);
          const chunks: Uint8Array[] = [];
          for (let i = 0; i < bytes.length; i += cut) {
            chunks.push(Uint8Array.from(bytes.slice(i, i + cut)));
          }
          expect(decodeAll(chunks)).toEqual(parts.map(([, body]) => body));
        },
      ),
      { numRuns: 200, seed: 1 },
    );
  });
  it("holds back no more than one frame of what never becomes one", () => {
    const decoder = new LineDecoder();
    for (let i = 0; i < 200; i++) decoder.push(new Uint8Array(1000).fill(0xfe));
    const tail = new Uint8Array(2 * linePayloadBytesMax);
    tail.set(encodeLine(payload(5)), tail.length - 12);
    expect([...decoder.push(tail), ...decoder.idle()]).toContainEqual(payload(5));
    expect(decoder.skippedBytes).toBeGreaterThan(200_000);
  });
});
