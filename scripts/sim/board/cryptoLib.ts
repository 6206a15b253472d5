import { createCipheriv, createDecipheriv, hash as digest } from "node:crypto";
import { crc32 as nativeCrc32 } from "node:zlib";
import { viewBytes } from "./bytes.ts";
import type { Machine } from "./machine.ts";

/** require("crypto") and the AES class, as far as the board file says the build has them. */
export function cryptoLib(machine: Machine): {
  library: Record<string, unknown>;
  aes: Record<string, unknown> | undefined;
} {
  const { sha256, aes } = machine.board.crypto;
  const bytes = (data: unknown) => viewBytes(data, machine.error);
  const buffer = (data: Uint8Array) => machine.realm.bytes(data).buffer;
  const hash = (algorithm: string) =>
    machine.native((data: unknown) =>
      // The interpreter only prints an error when the data has no bytes, and returns undefined.
      data === undefined ? undefined : buffer(digest(algorithm, bytes(data), "buffer")),
    );
  const crypt = (isEncrypt: boolean) =>
    machine.native((data: unknown, key: unknown, options: unknown) => {
      const { iv, mode = "CBC" } = (options ?? {}) as { iv?: unknown; mode?: string };
      const keyBytes = bytes(key);
      if (![16, 24, 32].includes(keyBytes.length)) return undefined;
      const name = `aes-${keyBytes.length * 8}-${mode.toLowerCase()}`;
      // The interpreter reads `iv` but starts CTR at zero all the same (libs/crypto/jswrap_crypto.c, CM_CTR).
      const isZero = iv === undefined || mode === "CTR";
      const ivBytes = mode === "ECB" ? null : isZero ? new Uint8Array(16) : bytes(iv);
      const cipher = (isEncrypt ? createCipheriv : createDecipheriv)(name, keyBytes, ivBytes);
      cipher.setAutoPadding(false);
      return buffer(Buffer.concat([cipher.update(bytes(data)), cipher.final()]));
    });
  const aesClass = aes
    ? machine.realm.object({ encrypt: crypt(true), decrypt: crypt(false) })
    : undefined;
  const library = machine.realm.object({ SHA1: hash("sha1") });
  if (sha256) Object.assign(library, { SHA224: hash("sha224"), SHA256: hash("sha256") });
  if (aesClass) library.AES = aesClass;
  return { library, aes: aesClass };
}

/** CRC-32 (IEEE), as E.CRC32 computes it. */
export function crc32(data: Uint8Array): number {
  return nativeCrc32(data) >>> 0;
}
