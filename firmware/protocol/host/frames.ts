/** Sealed frames of SPEC.md §4.1: encrypt, then MAC; one key pair per direction. */
import { createCipheriv, timingSafeEqual } from "node:crypto";
import { Msg, Suite } from "../messages.ts";
import { hmac, lp, t16 } from "./kdf.ts";

export type Direction = "up" | "down";
export interface SessionKeys {
  suite: Suite;
  /** 4 bytes */
  sid: Uint8Array;
  up: DirectionKeys;
  down: DirectionKeys;
}
interface DirectionKeys {
  encryption: Uint8Array;
  mac: Uint8Array;
}

const headerBytes = 9;
const tagBytes = 16;
/** What a frame adds to its message. */
export const frameOverheadBytes = headerBytes + tagBytes;

/** Keys of the session that a HELLO and a CHAL opened; both are the exact bytes sent.
 *  @param suite from that HELLO: it is inside the transcript, so it cannot be changed on the way */
export function sessionKeys(
  deviceKey: Uint8Array,
  suite: Suite,
  hello: Uint8Array,
  chalBody: Uint8Array,
): SessionKeys {
  const sk = hmac(deviceKey, lp("FL1-session", hello, chalBody));
  const key = (n: number) => hmac(sk, Uint8Array.of(n));
  return {
    suite,
    sid: key(5).slice(0, 4),
    up: { encryption: key(1), mac: key(2) },
    down: { encryption: key(3), mac: key(4) },
  };
}

/** Seals one message.
 *  @param counter 0..2^32-1, never used before in this direction of this session
 *  @throws RangeError for a counter outside its range: the session is used up */
export function sealFrame(
  keys: SessionKeys,
  direction: Direction,
  counter: number,
  message: Uint8Array,
): Uint8Array {
  if (!Number.isInteger(counter) || counter < 0 || counter > 0xffffffff) {
    throw new RangeError(`frame counter: expected 0..4294967295, got ${counter}`);
  }
  const frame = new Uint8Array(frameOverheadBytes + message.length);
  frame[0] = Msg.Frame;
  frame.set(keys.sid, 1);
  new DataView(frame.buffer).setUint32(5, counter);
  frame.set(crypt(keys.suite, keys[direction].encryption, counter, message), headerBytes);
  const end = frame.length - tagBytes;
  frame.set(t16(hmac(keys[direction].mac, frame.subarray(0, end))), end);
  return frame;
}

/** Opens a frame. The receiver still has to refuse a counter that did not rise.
 *  @returns counter and message; null when it is no frame of this session and direction, or was changed */
export function openFrame(
  keys: SessionKeys,
  direction: Direction,
  frame: Uint8Array,
): { counter: number; message: Uint8Array } | null {
  if (frame.length < frameOverheadBytes || frame[0] !== Msg.Frame) return null;
  const end = frame.length - tagBytes;
  const tag = t16(hmac(keys[direction].mac, frame.subarray(0, end)));
  if (!timingSafeEqual(tag, frame.subarray(end))) return null;
  if (!timingSafeEqual(keys.sid, frame.subarray(1, 5))) return null;
  const counter = new DataView(frame.buffer, frame.byteOffset).getUint32(5);
  const body = frame.subarray(headerBytes, end);
  return { counter, message: crypt(keys.suite, keys[direction].encryption, counter, body) };
}

/** Session id of a frame, hex; null when it is too short to be one. Unauthenticated: for look-up only. */
export function frameSid(frame: Uint8Array): string | null {
  if (frame.length < frameOverheadBytes || frame[0] !== Msg.Frame) return null;
  return Buffer.from(frame.subarray(1, 5)).toString("hex");
}

function crypt(suite: Suite, key: Uint8Array, counter: number, input: Uint8Array): Uint8Array {
  if (suite === Suite.AesCtr) {
    // The interpreter's CTR ignores its initial block, so every frame has a key of its own and starts at zero.
    const number = Buffer.alloc(4);
    number.writeUInt32BE(counter);
    const frameKey = hmac(key, number).subarray(0, 16);
    return new Uint8Array(createCipheriv("aes-128-ctr", frameKey, Buffer.alloc(16)).update(input));
  }
  const output = new Uint8Array(input);
  const block = Buffer.alloc(8);
  block.writeUInt32BE(counter);
  for (let offset = 0, i = 0; offset < input.length; offset += 32, i++) {
    block.writeUInt32BE(i, 4);
    const stream = hmac(key, block);
    for (let j = 0; j < 32 && offset + j < output.length; j++) output[offset + j]! ^= stream[j]!;
  }
  return output;
}
