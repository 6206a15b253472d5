/** Secrets of the agent in its data folder, each in a file that only its user can read. */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AgentCode, AgentError } from "../core/errors.ts";

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

/** Writes a file that only its user can read. @throws when it exists */
export function writeSecret(path: string, text: string): void {
  // "wx": a second agent that starts at the same moment must not replace the first one's key.
  writeFileSync(path, text, { mode: 0o600, flag: "wx", flush: true });
}
