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
  const found: string[] = [];
  for (const [name, secret] of secrets) {
    for (let at = 0; at + 8 <= secret.length; at++) {
      if (!image.includes(Buffer.from(secret.subarray(at, at + 8)))) continue;
      found.push(name);
      break;
    }
  }
  return found;
}
