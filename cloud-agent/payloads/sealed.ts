/** A payload as blocks that only one device can open and that nobody can change, in any order: what a gateway may keep and
 *  hand on. ADR-0032 has the bytes. Pure. */
import { createCipheriv, createDecipheriv, timingSafeEqual } from "node:crypto";
import { hmac, lp, t16 } from "../../firmware/protocol/host/kdf.ts";
import { sealedBlockBytes, sealedTagBytes } from "./limits.ts";

const plainBytes = sealedBlockBytes - sealedTagBytes;

/** Bytes of the sealed form. */
export function sealedSize(sizeBytes: number): number {
  return sizeBytes + Math.ceil(sizeBytes / plainBytes) * sealedTagBytes;
}

/** Seals a payload. The same payload for the same key gives the same bytes, so that ranges of several requests fit.
 *  @param deviceKey of the device's present epoch, 32 bytes
 *  @param digest SHA-256 of the payload, 32 bytes: each payload has keys of its own, so no block key meets two texts */
export function sealPayload(
  deviceKey: Uint8Array,
  digest: Uint8Array,
  payload: Uint8Array,
): Uint8Array {
  const { encryption, mac } = keysOf(deviceKey, digest);
  const sealed = new Uint8Array(sealedSize(payload.length));
  for (let at = 0, to = 0, index = 0; at < payload.length; at += plainBytes, index++) {
    const plain = payload.subarray(at, at + plainBytes);
    const cipher = createCipheriv("aes-128-ctr", blockKey(encryption, index), Buffer.alloc(16));
    const body = cipher.update(plain);
    sealed.set(body, to);
    sealed.set(tagOf(mac, index, payload.length, body), to + body.length);
    to += body.length + sealedTagBytes;
  }
  return sealed;
}

/** Opens one block: what a device does with it.
 *  @param sizeBytes of the whole payload, from its signed manifest
 *  @returns null for a block that was changed, is another one, or belongs to another device or payload */
export function openBlock(
  deviceKey: Uint8Array,
  digest: Uint8Array,
  block: { index: number; bytes: Uint8Array },
  sizeBytes: number,
): Uint8Array | null {
  const { encryption, mac } = keysOf(deviceKey, digest);
  const { index, bytes } = block;
  if (bytes.length <= sealedTagBytes) return null;
  const body = bytes.subarray(0, bytes.length - sealedTagBytes);
  const tag = bytes.subarray(bytes.length - sealedTagBytes);
  if (!timingSafeEqual(tagOf(mac, index, sizeBytes, body), tag)) return null;
  const cipher = createDecipheriv("aes-128-ctr", blockKey(encryption, index), Buffer.alloc(16));
  return new Uint8Array(cipher.update(body));
}

function keysOf(deviceKey: Uint8Array, digest: Uint8Array) {
  const key = hmac(deviceKey, lp("FL1-payload", digest));
  return { encryption: hmac(key, Uint8Array.of(1)), mac: hmac(key, Uint8Array.of(2)) };
}

/** A key for each block and a first block of zero, as frames have it: the interpreter's CTR knows no other. */
function blockKey(encryption: Uint8Array, index: number): Uint8Array {
  return hmac(encryption, numbers(index)).subarray(0, 16);
}

function tagOf(mac: Uint8Array, index: number, sizeBytes: number, body: Uint8Array): Uint8Array {
  return t16(hmac(mac, Buffer.concat([numbers(index, sizeBytes), body])));
}

function numbers(...values: number[]): Uint8Array {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, at) => {
    bytes.writeUInt32BE(value, 4 * at);
  });
  return bytes;
}
