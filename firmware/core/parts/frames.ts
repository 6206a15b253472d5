import type { Bytes } from "../../hal/hal.ts";
import { Code } from "../../protocol/errors.ts";
import { Msg } from "../../protocol/messages.ts";
import type { Kit } from "../kit.ts";

/** A session between frames: [encryption out, MAC out, encryption in, MAC in, sid, frames sent, last counter received].
 *  Only data stays; the code is evaluated for each frame. */
export type FrameState = [Bytes, Bytes, Bytes, Bytes, Bytes, number, number];

export interface Frames {
  /** Keys of a session from its secret. */
  start(sk: Bytes): FrameState;
  seal(f: FrameState, plain: Bytes): Bytes;
  /** @throws Code.FrameMac | Code.FrameReplayed */
  open(f: FrameState, frame: Bytes): Bytes;
}

const u32 = (n: number) => [n >> 24, n >> 16, n >> 8, n];

/** Sealed frames, encrypt-then-MAC. Source: SPEC.md §4.1 */
export default (k: Kit): Frames => {
  const stream = (key: Bytes, counter: number, data: Bytes): Bytes => {
    // The interpreter's CTR ignores its initial block (libs/crypto/jswrap_crypto.c), which would give every frame
    // the same key stream: so every frame has a key of its own and starts at zero.
    if (BOARD.aes) return k.h.aes(k.cut(k.hmac(key, u32(counter)), 0, 16), data);
    const result = new Uint8Array(data.length);
    for (let i = 0; i < data.length; i += 32) {
      const block = k.hmac(key, [u32(counter), u32(i >> 5)]);
      for (let o = 0; o < 32 && i + o < data.length; o++) result[i + o] = data[i + o]! ^ block[o]!;
    }
    return result;
  };
  const tag = (key: Bytes, body: Bytes) => k.cut(k.hmac(key, body), 0, 16);
  return {
    start(sk) {
      const sub = (n: number) => k.hmac(sk, [n]);
      return [sub(1), sub(2), sub(3), sub(4), k.h.cat(k.cut(sub(5), 0, 4)), 0, -1];
    },
    seal(f, plain) {
      const body = k.h.cat([Msg.Frame, f[4], u32(f[5]), stream(f[0], f[5]++, plain)]);
      return k.h.cat([body, tag(f[1], body)]);
    },
    open(f, frame) {
      const n = frame.length - 16;
      if (
        n < 9 ||
        !k.same(f[4], k.cut(frame, 1, 4)) ||
        !k.same(tag(f[3], k.cut(frame, 0, n)), k.cut(frame, n, 16))
      )
        throw Code.FrameMac;
      const counter = ((frame[5]! << 24) | (frame[6]! << 16) | (frame[7]! << 8) | frame[8]!) >>> 0;
      if (counter <= f[6]) throw Code.FrameReplayed;
      f[6] = counter;
      return stream(f[2], counter, k.cut(frame, 9, n - 9));
    },
  };
};
