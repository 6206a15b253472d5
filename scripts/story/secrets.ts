import { deviceKeyAt, ownerKey } from "../../firmware/protocol/host/kdf.ts";
import type { Birth } from "../cli/factory/birth.ts";

/** Every secret a device ever held up to an epoch, by name: what must not be on its flash after a wipe. */
export function secretsOf(birth: Birth, km: Uint8Array, epochMax: number): Map<string, Uint8Array> {
  const { identity, record } = birth;
  const secrets = new Map<string, Uint8Array>([
    ["popKey", identity.popKey],
    ["random seed", identity.seed],
    ["receipt seed", identity.receiptSeed],
  ]);
  const { wifi } = identity;
  if (wifi) secrets.set("Wi-Fi password", new Uint8Array(Buffer.from(wifi.password)));
  for (let epoch = 0; epoch <= epochMax; epoch++) {
    secrets.set(`device key ${epoch}`, deviceKeyAt(km, record, epoch));
    if (epoch) secrets.set(`owner key ${epoch}`, ownerKey(km, record.serial, epoch));
  }
  return secrets;
}

/** Names of the secrets of which `flash` still holds 8 consecutive bytes anywhere. */
export function secretsFound(flash: Uint8Array, secrets: Map<string, Uint8Array>): string[] {
  const image = Buffer.from(flash);
  // One pass for all: most places of a flash begin with two bytes that begin no secret's part.
  const begins = new Set<number>();
  for (const secret of secrets.values())
    for (let at = 0; at + 8 <= secret.length; at++) begins.add(secret[at]! * 256 + secret[at + 1]!);
  const parts = new Set<string>();
  for (let at = 0; at + 8 <= image.length; at++)
    if (begins.has(image[at]! * 256 + image[at + 1]!)) parts.add(image.toString("hex", at, at + 8));
  const isThere = (secret: Uint8Array) => {
    const text = Buffer.from(secret).toString("hex");
    for (let at = 0; at + 16 <= text.length; at += 2)
      if (parts.has(text.slice(at, at + 16))) return true;
    return false;
  };
  return [...secrets].filter(([, secret]) => isThere(secret)).map(([name]) => name);
}
