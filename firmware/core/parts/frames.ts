import type { Bytes } from "../../hal/hal.ts";
import { Code } from "../../protocol/errors.ts";
import { Msg } from "../../protocol/messages.ts";
import type { Kit } from "../kit.ts";

export interface Frames {
  seal(plain: Bytes): Bytes;
  /** @throws Code.FrameMac | Code.FrameReplayed */
  open(frame: Bytes): Bytes;
}

const u32 = (n: number) => [(n >>> 24) & 255, (n >> 16) & 255, (n >> 8) & 255, n & 255];

/** Sealed frames of one session, encrypt-then-MAC. Source: SPEC.md §4.1
 *  @returns sessionSecret → Frames */
export default (k: Kit) =>
  (sk: Bytes): Frames => {
    const sub = (n: number) => k.hmac(sk, [n]);
    const out = k.pads(sub(1));
    const outMac = k.pads(sub(2));
    const inn = k.pads(sub(3));
    const inMac = k.pads(sub(4));
    const sid = k.cut(sub(5), 0, 4);
    let sent = 0;
    let last = -1;
    const stream = (key: Bytes, counter: number, data: Bytes): Bytes => {
      // The interpreter's CTR ignores its initial block (libs/crypto/jswrap_crypto.c), which would give every frame
      // the same key stream: so every frame has a key of its own and starts at zero.
      if (BOARD.aes) return k.h.aes(k.t16(k.hmacPads(key, u32(counter))), data);
      const result = new Uint8Array(data.length);
      for (let i = 0; i < data.length; i += 32) {
        const block = k.hmacPads(key, [u32(counter), u32(i >> 5)]);
        for (let o = 0; o < 32 && i + o < data.length; o++)
          result[i + o] = data[i + o]! ^ block[o]!;
      }
      return result;
    };
    return {
      seal(plain) {
        const body = k.h.cat([Msg.Frame, sid, u32(sent), stream(out, sent++, plain)]);
        return k.h.cat([body, k.t16(k.hmacPads(outMac, body))]);
      },
      open(frame) {
        const n = frame.length - 16;
        if (n < 9 || !k.same(sid, k.cut(frame, 1, 4))) throw Code.FrameMac;
        const body = new Uint8Array(frame.buffer, frame.byteOffset, n);
        if (!k.same(k.t16(k.hmacPads(inMac, body)), k.cut(frame, n, 16))) throw Code.FrameMac;
        const counter =
          ((frame[5]! << 24) | (frame[6]! << 16) | (frame[7]! << 8) | frame[8]!) >>> 0;
        if (counter <= last) throw Code.FrameReplayed;
        last = counter;
        return stream(inn, counter, new Uint8Array(frame.buffer, frame.byteOffset + 9, n - 9));
      },
    };
  };
