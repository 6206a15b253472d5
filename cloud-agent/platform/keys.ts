/** Secrets of the agent in its data folder, each in a file that only its user can read. */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AgentCode, AgentError } from "../core/errors.ts";
import type { Random } from "../core/ports.ts";

/** Master key KM: from the settings, else from km.key, which the first start makes.
 *  @param dataIsNew whether the database is empty; for an old one a missing file is refused, because a new key would
 *  lock out every device
 *  @returns 32 bytes
 *  @throws AgentError KeyFileInvalid */
export function masterKey(
  options: { dataDir: string; kmHex: string | undefined; dataIsNew: boolean },
  random: Random,
): Uint8Array {
  if (options.kmHex !== undefined) return fromHex(options.kmHex);
  const path = join(options.dataDir, "km.key");
  if (existsSync(path)) {
    const text = readFileSync(path, "utf8").trim();
    if (/^[0-9a-f]{64}$/i.test(text)) return fromHex(text);
    throw new AgentError(AgentCode.KeyFileInvalid, `${path}: expected 64 hex digits`);
  }
  if (!options.dataIsNew) {
    throw new AgentError(
      AgentCode.KeyFileInvalid,
      `${path}: expected the fleet's master key, got no file`,
    );
  }
  const key = random.bytes(32);
  writeSecret(path, Buffer.from(key).toString("hex") + "\n");
  return key;
}

/** Ed25519 key that signs wipe certificates: certificate.key (PKCS #8 PEM), made at the first start.
 *  @throws AgentError KeyFileInvalid */
export function certificateKey(options: { dataDir: string; dataIsNew: boolean }): KeyObject {
  const path = join(options.dataDir, "certificate.key");
  if (!existsSync(path)) {
    if (!options.dataIsNew) {
      throw new AgentError(
        AgentCode.KeyFileInvalid,
        `${path}: expected the certificate key, got no file`,
      );
    }
    const { privateKey } = generateKeyPairSync("ed25519");
    writeSecret(path, privateKey.export({ type: "pkcs8", format: "pem" }).toString());
  }
  try {
    const key = createPrivateKey(readFileSync(path, "utf8"));
    if (key.asymmetricKeyType === "ed25519") return key;
    throw new TypeError(`key type ${key.asymmetricKeyType}`);
  } catch (cause) {
    throw new AgentError(AgentCode.KeyFileInvalid, `${path}: expected an Ed25519 key in PEM`, {
      cause,
    });
  }
}

function writeSecret(path: string, text: string): void {
  // "wx": a second agent that starts at the same moment must not replace the first one's key.
  writeFileSync(path, text, { mode: 0o600, flag: "wx", flush: true });
}

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}
