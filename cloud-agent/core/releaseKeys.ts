/** Which keys a release must be signed with. */

import { CodedError } from "../../firmware/protocol/host/codedError.ts";
import {
  decodeKeySet,
  decodeSignedKeySet,
  keySetFor,
  kidOf,
  type SignedKeySet,
  verifyKeySet,
} from "../../firmware/protocol/host/keyset.ts";
import type { KeySetChange } from "../../firmware/protocol/host/keysetChange.ts";
import type { TrustedKeys } from "../../firmware/protocol/host/suitVerify.ts";
import type { Tx } from "../storage/store.ts";
import { AgentCode, AgentError } from "./errors.ts";
import { keepKeySets } from "./keySets.ts";

/** What releases are judged by. */
export interface ReleaseKeys {
  /** the keys that a release of this sequence must be signed with */
  for(sequence: number): TrustedKeys;
  /** of the newest key set */
  newest: TrustedKeys;
  /** key sets in order of version, as devices fetch them; empty with plain keys */
  chain: { keySet: KeySetChange; signed: SignedKeySet }[];
}

/** Reads the release key files: a chain of signed key sets (CBOR) in order of version, or for small fleets one JSON file
 *  {"release": [hex of 48 bytes, …], "threshold": 1, "ed25519": [hex of 32 bytes, …]}.
 *  Signed sets have to follow each other and the one accepted before, as on a device; plain keys are trusted by where
 *  they lie, and devices get no key set from them.
 *  @throws AgentError KeyFileInvalid; CodedError for a key set that does not follow or is not signed */
export async function acceptReleaseKeys(tx: Tx, files: Uint8Array[]): Promise<ReleaseKeys> {
  if (files.length === 1 && files[0]![0] === "{".charCodeAt(0)) {
    const plain = plainKeys(files[0]!);
    return { for: () => plain, newest: plain, chain: [] };
  }
  const stored = await tx.meta("keySetBody");
  const accepted = stored === null ? null : decodeKeySet(fromHex(stored));
  const chain: ReleaseKeys["chain"] = [];
  let body = "";
  for (const [at, file] of files.entries()) {
    const { signed, version } = readSignedSet(file, at + 1);
    body = Buffer.from(signed.body).toString("hex");
    let keySet = accepted;
    if (accepted !== null && version === accepted.version) {
      if (body !== stored) throw wrongKeySet(`version ${version} is not the one accepted before`);
    } else {
      const follows = accepted !== null && version === accepted.version + 1;
      keySet = verifyKeySet(signed, follows ? accepted : (chain.at(-1)?.keySet ?? null));
    }
    chain.push({ keySet: keySet!, signed });
  }
  const last = chain.at(-1);
  if (last === undefined) throw wrongKeySet("there is none");
  if (accepted !== null && last.keySet.version < accepted.version) {
    throw wrongKeySet(`expected version ${accepted.version} or higher, got ${last.keySet.version}`);
  }
  if (body !== stored) await tx.putMeta("keySetBody", body);
  const sets = chain.map(({ keySet }) => keySet);
  await keepKeySets(tx, chain);
  return {
    for: (sequence) => trusted(keySetFor(sets, sequence)),
    newest: trusted(last.keySet),
    chain,
  };
}

/** @param number of the file, from 1 @throws AgentError KeyFileInvalid for what no device would take */
function readSignedSet(
  file: Uint8Array,
  number: number,
): { signed: SignedKeySet; version: number } {
  try {
    const signed = decodeSignedKeySet(file);
    return { signed, version: decodeKeySet(signed.body).version };
  } catch (cause) {
    if (!(cause instanceof CodedError)) throw cause;
    // Nothing that the caller sent: a file of the agent's own is damaged.
    throw wrongKeySet(`file ${number}: ${cause.message}`);
  }
}

/** The first key set by which these signatures suffice; undefined where no device gets another one. */
export function keySetFrom(
  signedBy: Uint8Array[],
  { chain }: Pick<ReleaseKeys, "chain">,
): number | undefined {
  const kids = new Set(signedBy.map((kid) => Buffer.from(kid).toString("hex")));
  const first = chain.find(({ keySet: { release } }) => {
    const count = release.keys.filter((key) => kids.has(kidOf(key))).length;
    return count >= release.threshold;
  });
  return first?.keySet.version;
}

function wrongKeySet(finding: string): AgentError {
  return new AgentError(AgentCode.KeyFileInvalid, `release key set: ${finding}`);
}

function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "hex"));
}

function trusted({ release, agent }: KeySetChange): TrustedKeys {
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
