/** Key schedule of SPEC.md §3 for the Node side: agent, gateway, factory tools and tests. */
import { createHash, createHmac } from "node:crypto";

type Field = Uint8Array | string;

/** Joins fields, each as a 2-byte big-endian length and its bytes; strings are UTF-8.
 *  @throws RangeError for a field longer than 65,535 bytes
 *  Source: SPEC.md, first paragraph */
export function lp(...fields: Field[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const field of fields) {
    const bytes = typeof field === "string" ? Buffer.from(field, "utf8") : field;
    if (bytes.length > 0xffff)
      throw new RangeError(`LP field: ${bytes.length} bytes, at most 65535`);
    parts.push(Uint8Array.of(bytes.length >> 8, bytes.length & 0xff), bytes);
  }
  return plain(Buffer.concat(parts));
}

/** HMAC-SHA-256, 32 bytes. */
export function hmac(key: Uint8Array, message: Field): Uint8Array {
  return plain(createHmac("sha256", key).update(message).digest());
}

/** SHA-256, 32 bytes. */
export function sha256(message: Field): Uint8Array {
  return plain(createHash("sha256").update(message).digest());
}

/** First 16 bytes: how every MAC of the wire is cut. */
export function t16(bytes: Uint8Array): Uint8Array {
  return bytes.slice(0, 16);
}

/** KB: lent to a line computer, derives keys of epoch 0 only. */
export function batchKey(km: Uint8Array, batchId: string): Uint8Array {
  return hmac(km, lp("FL1-batch", batchId));
}

/** DK₀, from the batch key. @param salt 16 random bytes of the birth record */
export function deviceKey0(kb: Uint8Array, serial: string, salt: Uint8Array): Uint8Array {
  return hmac(kb, lp("FL1-dk", serial, salt));
}

/** DKₑ for epochs from 1. @throws RangeError for epoch 0, whose key comes from the batch key */
export function deviceKey(km: Uint8Array, serial: string, epoch: number): Uint8Array {
  return hmac(km, lp("FL1-dev", serial, decimalEpoch(epoch)));
}

/** Owner key of an epoch, given out with the device key in GRANT. */
export function ownerKey(km: Uint8Array, serial: string, epoch: number): Uint8Array {
  return hmac(km, lp("FL1-own", serial, decimalEpoch(epoch)));
}

/** The device key of any epoch: from the batch key at epoch 0, from KM after it. */
export function deviceKeyAt(
  km: Uint8Array,
  birth: { serial: string; batch: string; salt: string },
  epoch: number,
): Uint8Array {
  if (epoch > 0) return deviceKey(km, birth.serial, epoch);
  return deviceKey0(batchKey(km, birth.batch), birth.serial, Buffer.from(birth.salt, "hex"));
}

/** Key of the agent's stateless challenges. */
export function agentKey(km: Uint8Array): Uint8Array {
  return hmac(km, lp("FL1-agent"));
}

/** Key of the broker password, bound to the epoch's device key. */
export function mqttKey(deviceKeyOfEpoch: Uint8Array): Uint8Array {
  return hmac(deviceKeyOfEpoch, lp("FL1-mqtt"));
}

/** popKey, what a device holds of its label's CODE.
 *  @param code 17 characters, normalised: check character included, separators removed */
export function popKey(code: string): Uint8Array {
  return hmac(Buffer.from(code, "ascii"), "pop");
}

/** Proof of possession for one HELLO. */
export function possessionProof(key: Uint8Array, nd: Uint8Array): Uint8Array {
  return t16(hmac(key, nd));
}

/** codeHash of the birth record. @param code as for popKey */
export function codeHash(serial: string, code: string): Uint8Array {
  return sha256(lp("FL1-claim", serial, code));
}

/** MAC of COMMIT, by the new device key. */
export function commitMac(newKey: Uint8Array, serial: string, claimId: Uint8Array): Uint8Array {
  return t16(hmac(newKey, lp("FL1-commit", serial, claimId)));
}

function decimalEpoch(epoch: number): string {
  if (!Number.isInteger(epoch) || epoch < 1 || epoch > 0xffffffff) {
    throw new RangeError(`key epoch: expected 1..4294967295, got ${epoch}`);
  }
  return String(epoch);
}

/** A Uint8Array of its own: a Buffer would share its pool and compares unequal in tests. */
function plain(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer);
}
