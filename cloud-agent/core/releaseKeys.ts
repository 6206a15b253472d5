/** Which keys a release must be signed with. */
import {
  decodeKeySet,
  decodeSignedKeySet,
  type KeySet,
  verifyKeySet,
} from "../../firmware/protocol/host/keyset.ts";
import type { TrustedKeys } from "../../firmware/protocol/host/suitVerify.ts";
import type { Tx } from "../storage/store.ts";
import { AgentCode, AgentError } from "./errors.ts";

/** Reads the release key files: a chain of signed key sets (CBOR) in order of version, or for small fleets one JSON file
 *  {"release": [hex of 48 bytes, …], "threshold": 1, "ed25519": [hex of 32 bytes, …]}.
 *  Signed sets have to follow each other and the one accepted before, as on a device; plain keys are trusted by where
 *  they lie.
 *  @throws AgentError KeyFileInvalid; CodedError for a key set that does not follow or is not signed */
export async function acceptReleaseKeys(tx: Tx, files: Uint8Array[]): Promise<TrustedKeys> {
  if (files.length === 1 && files[0]![0] === "{".charCodeAt(0)) return plainKeys(files[0]!);
  const stored = await tx.meta("keySet");
  const accepted = stored === null ? null : decodeKeySet(fromHex(stored));
  let current: KeySet | null = null;
  let body = "";
  for (const file of files) {
    const signed = decodeSignedKeySet(file);
    body = Buffer.from(signed.body).toString("hex");
    const { version } = decodeKeySet(signed.body);
    if (accepted !== null && version === accepted.version) {
      if (body !== stored) throw wrongKeySet(`version ${version} is not the one accepted before`);
      current = accepted;
    } else {
      const follows: boolean = accepted !== null && version === accepted.version + 1;
      current = verifyKeySet(signed, follows ? accepted : current);
    }
  }
  if (current === null) throw wrongKeySet("there is none");
  if (accepted !== null && current.version < accepted.version) {
    throw wrongKeySet(`expected version ${accepted.version} or higher, got ${current.version}`);
  }
  if (body !== stored) await tx.putMeta("keySet", body);
  return trusted(current);
}

function wrongKeySet(finding: string): AgentError {
  return new AgentError(AgentCode.KeyFileInvalid, `release key set: ${finding}`);
}

function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "hex"));
}

function trusted(keySet: KeySet): TrustedKeys {
  const { release, agent } = keySet.roles;
  return { release: release.keys, threshold: release.threshold, ed25519: agent.keys };
}

function plainKeys(file: Uint8Array): TrustedKeys {
  try {
    const document = JSON.parse(Buffer.from(file).toString("utf8"));
    const { release, threshold = 1, ed25519 = [], ...unknown } = document;
    if (Object.keys(unknown).length > 0) throw new TypeError(`unknown ${Object.keys(unknown)}`);
    if (!Number.isInteger(threshold) || threshold < 1) throw new TypeError("threshold");
    const keys = { release: hexKeys(release, 48), threshold, ed25519: hexKeys(ed25519, 32) };
    if (keys.release.length < threshold) throw new TypeError("fewer release keys than threshold");
    return keys;
  } catch (cause) {
    throw new AgentError(
      AgentCode.KeyFileInvalid,
      `release keys: expected hex keys of 48 (release) and 32 bytes (ed25519): ${(cause as Error).message}`,
      { cause },
    );
  }
}

function hexKeys(value: unknown, bytes: number): Uint8Array[] {
  if (!Array.isArray(value)) throw new TypeError("not a list");
  return value.map((text) => {
    if (typeof text !== "string" || !new RegExp(`^[0-9a-fA-F]{${bytes * 2}}$`).test(text)) {
      throw new TypeError(`not ${bytes} bytes in hex`);
    }
    return fromHex(text);
  });
}
