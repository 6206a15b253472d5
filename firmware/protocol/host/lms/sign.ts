/** LMS private keys with 24-byte hashes and W4: key generation from a seed, and signing at a leaf.
 *
 *  The key is stateful, but the state is not here: the caller names the leaf, having reserved it durably
 *  before (scripts/cli/keys/ledger.ts). */
import { createHash, createHmac } from "node:crypto";
import { compareBytes } from "../cbor.ts";
import { Chains } from "./chain.ts";
import { domainInner, domainLeaf, domainPrefix, hashParts, otsPublic, otsSign } from "./ots.ts";
import {
  type LmsParameters,
  lmsParameters,
  lmsSignatureBytes,
  lmsTypeOfHeight,
  type OtsParameters,
  otsN24W4,
  otsParameters,
} from "./parameters.ts";
import { lmsVerify } from "./verify.ts";

/** Called now and then while the tree grows. */
export type LeafProgress = (leavesDone: number, leavesTotal: number) => void;

export interface LmsSecret {
  /** height of the tree: 5, 10, 15, 20 */
  height: number;
  /** I, 16 bytes */
  identifier: Uint8Array;
  /** SEED, 24 bytes; everything else follows from it */
  seed: Uint8Array;
}

const nodeBytes = 24;
/** Leaves between two calls of the progress callback: about 60 ms of work. */
const progressEveryLeaves = 256;

/** A private key with its whole tree in memory: 48 B per leaf, so 49 kB at H10, 50 MB at H20. */
export class LmsPrivateKey {
  readonly publicKey: Uint8Array;
  readonly #secret: LmsSecret;
  readonly #lms: LmsParameters;
  readonly #ots: OtsParameters;
  /** node r at r·24; node 1 is the root */
  readonly #tree: Uint8Array;

  private constructor(secret: LmsSecret, tree: Uint8Array) {
    this.#secret = secret;
    this.#lms = lmsParameters(lmsTypeOfHeight(secret.height))!;
    this.#ots = otsParameters(otsN24W4)!;
    this.#tree = tree;
    this.publicKey = new Uint8Array(24 + nodeBytes);
    const view = new DataView(this.publicKey.buffer);
    view.setUint32(0, this.#lms.type);
    view.setUint32(4, this.#ots.type);
    this.publicKey.set(secret.identifier, 8);
    this.publicKey.set(tree.subarray(nodeBytes, 2 * nodeBytes), 24);
  }

  /** Computes all leaves: 818 hashes each. */
  static generate(secret: LmsSecret, onProgress?: LeafProgress): LmsPrivateKey {
    checkSecret(secret);
    return new LmsPrivateKey(secret, buildTree(secret, onProgress));
  }

  /** Opens a key whose tree was saved by exportTree.
   *  @returns null when the tree is not this secret's: its length, its inner nodes or one recomputed leaf differ */
  static restore(secret: LmsSecret, tree: Uint8Array): LmsPrivateKey | null {
    checkSecret(secret);
    const leaves = 2 ** secret.height;
    if (tree.length !== 2 * leaves * nodeBytes) return null;
    const leaf = leafNode(secret, leaves - 1, new Chains(secret.identifier, nodeBytes));
    if (compareBytes(leaf, tree.subarray((2 * leaves - 1) * nodeBytes)) !== 0) return null;
    const copy = new Uint8Array(tree);
    fillInnerNodes(secret, copy);
    if (compareBytes(copy, tree) !== 0) return null;
    return new LmsPrivateKey(secret, copy);
  }

  get leaves(): number {
    return 2 ** this.#secret.height;
  }

  /** All nodes, to be saved beside the secret: a tree of height 20 takes minutes to compute. Holds no secret. */
  exportTree(): Uint8Array {
    return new Uint8Array(this.#tree);
  }

  /** Signs at one leaf. The randomizer follows from seed, leaf and message digest, so the same message at the
   *  same leaf gives the same bytes, and repeating it harms nothing.
   *  @throws RangeError when there is no such leaf
   *  @throws Error when the result does not verify (a damaged tree): nothing must be published then */
  sign(leaf: number, message: Uint8Array): Uint8Array {
    if (!Number.isInteger(leaf) || leaf < 0 || leaf >= this.leaves) {
      throw new RangeError(`LMS leaf: expected 0..${this.leaves - 1}, got ${leaf}`);
    }
    const { identifier, seed } = this.#secret;
    const place = { identifier, q: leaf };
    const randomizer = deriveRandomizer(seed, leaf, message);
    const ots = otsSign(this.#ots, place, seed, randomizer, message);
    const out = new Uint8Array(lmsSignatureBytes(this.#lms, this.#ots));
    const view = new DataView(out.buffer);
    view.setUint32(0, leaf);
    out.set(ots, 4);
    const typeAt = 4 + this.#ots.signatureBytes;
    view.setUint32(typeAt, this.#lms.type);
    let node = this.leaves + leaf;
    for (let level = 0; level < this.#lms.h; level++) {
      const sibling = (node ^ 1) * nodeBytes;
      out.set(this.#tree.subarray(sibling, sibling + nodeBytes), typeAt + 4 + level * nodeBytes);
      node = node >>> 1;
    }
    if (!lmsVerify(this.publicKey, message, out)) {
      throw new Error(`LMS leaf ${leaf}: the signature does not verify; the tree is damaged`);
    }
    return out;
  }
}

function checkSecret(secret: LmsSecret): void {
  if (secret.identifier.length !== 16 || secret.seed.length !== nodeBytes) {
    throw new RangeError(
      `LMS secret: expected I of 16 and SEED of 24 bytes, got ${secret.identifier.length} and ${secret.seed.length}`,
    );
  }
}

function deriveRandomizer(seed: Uint8Array, leaf: number, message: Uint8Array): Uint8Array {
  const leafBytes = new Uint8Array(4);
  new DataView(leafBytes.buffer).setUint32(0, leaf);
  const digest = createHash("sha256").update(message).digest();
  const mac = createHmac("sha256", seed).update("C").update(leafBytes).update(digest).digest();
  return new Uint8Array(mac.subarray(0, nodeBytes));
}

function leafNode(secret: LmsSecret, leaf: number, chains: Chains): Uint8Array {
  const { identifier, seed } = secret;
  const publicValue = otsPublic(otsParameters(otsN24W4)!, { identifier, q: leaf }, seed, chains);
  const prefix = domainPrefix(identifier, 2 ** secret.height + leaf, domainLeaf);
  return hashParts(nodeBytes, [prefix, publicValue]);
}

function buildTree(secret: LmsSecret, onProgress?: LeafProgress): Uint8Array {
  const leaves = 2 ** secret.height;
  const tree = new Uint8Array(2 * leaves * nodeBytes);
  const chains = new Chains(secret.identifier, nodeBytes);
  for (let leaf = 0; leaf < leaves; leaf++) {
    tree.set(leafNode(secret, leaf, chains), (leaves + leaf) * nodeBytes);
    if (leaf % progressEveryLeaves === 0) onProgress?.(leaf, leaves);
  }
  fillInnerNodes(secret, tree);
  onProgress?.(leaves, leaves);
  return tree;
}

function fillInnerNodes(secret: LmsSecret, tree: Uint8Array): void {
  for (let node = 2 ** secret.height - 1; node >= 1; node--) {
    const prefix = domainPrefix(secret.identifier, node, domainInner);
    const children = tree.subarray(2 * node * nodeBytes, (2 * node + 2) * nodeBytes);
    tree.set(hashParts(nodeBytes, [prefix, children]), node * nodeBytes);
  }
}
