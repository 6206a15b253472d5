import type { KeySetRecord } from "../../firmware/core/keySet.ts";
import { concatBytes } from "../../firmware/protocol/host/cbor.ts";
import {
  changeDocument,
  encodeChange,
  rootIdOf,
  signChange,
} from "../../firmware/protocol/host/keysetChange.ts";
import type { LmsPrivateKey } from "../../firmware/protocol/host/lms/index.ts";

/** A signed key-set change as the cloud serves it. */
export interface KeySetOffer {
  version: number;
  /** release whose confirm brings it into force; 0 = at once */
  withSequence: number;
  document: Uint8Array;
  /** of its pieces */
  lengths: number[];
  /** what the device is to have on record of it */
  record: KeySetRecord;
}

/** What is to be signed. */
interface KeySetOrder {
  version: number;
  releaseKeys: Uint8Array[];
  withSequence: number;
  leaf: number;
}

const rootOf = 3;
const threshold = 2;

/** Signs the change to a key set. Of three root keys one stays in the next, and two signatures of each are needed.
 *  @param roots key set 1 has the first three, each next one two further on
 *  @param leaf of each root key that signs; another one for each document */
export function signKeySet(
  roots: readonly LmsPrivateKey[],
  { version, releaseKeys, withSequence, leaf }: KeySetOrder,
): KeySetOffer {
  const first = 2 * (version - 2);
  const role = (at: number) => ({
    threshold,
    keys: roots.slice(at, at + rootOf).map((key) => key.publicKey),
  });
  const root = role(first + 2);
  const release = { threshold: 1, keys: releaseKeys };
  const body = encodeChange({
    version,
    previousRoot: role(first),
    root,
    release,
    agent: { threshold: 1, keys: [new Uint8Array(32).fill(7)] },
    withSequence,
  });
  // Two of the set before and two of the next: the middle one is of both.
  const signers = [0, 2, 3].map((n) => roots[first + n]!);
  const signatures = signers.map((key) =>
    signChange(body, { publicKey: key.publicKey, sign: (message) => key.sign(leaf, message) }),
  );
  const record: KeySetRecord = [
    version,
    release.threshold,
    concatBytes(release.keys),
    rootIdOf(root),
    withSequence,
  ];
  return { version, withSequence, ...changeDocument(body, signatures), record };
}
