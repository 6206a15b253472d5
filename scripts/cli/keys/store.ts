/** The key folder: three root keys, one release key with ledger, the agent's certificate key, signed key sets. */
import { createHash, createPrivateKey, createPublicKey, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { algHssLms, type Signer } from "../../../firmware/protocol/host/cose.ts";
import { type Ed25519Pair, ed25519Pair } from "../../../firmware/protocol/host/ed25519.ts";
import {
  decodeSignedKeySet,
  encodeKeySet,
  encodeSignedKeySet,
  type KeySet,
  signKeySet,
  verifyKeySet,
} from "../../../firmware/protocol/host/keyset.ts";
import {
  type LeafProgress,
  LmsPrivateKey,
  type LmsSecret,
} from "../../../firmware/protocol/host/lms/index.ts";
import { createFile, syncDirectory } from "./durable.ts";
import { ToolError } from "./errors.ts";
import {
  createLedger,
  type LedgerOptions,
  type LedgerState,
  type Reservation,
  readLedger,
  reserveLeaf,
} from "./ledger.ts";

/** Heights a release key may have: 32 (tests), 1,024, 32,768 and 1,048,576 releases. */
export const heights = [5, 10, 15, 20];
const rootCount = 3;
const pkcs8Prefix = Buffer.from("302e020100300506032b657004220420", "hex");

export interface NewKeys {
  publicKey: Uint8Array;
  files: string[];
}

/** Makes a key folder. Nothing that exists is ever replaced.
 *  @param options.random source of secrets; default node's
 *  @throws ToolError KEYS_EXIST, KEYS_HEIGHT */
export function createKeys(options: {
  dir: string;
  height: number;
  random?: (bytes: number) => Uint8Array;
  onProgress?: LeafProgress;
}): NewKeys {
  const { dir, height } = options;
  const random = options.random ?? ((bytes) => new Uint8Array(randomBytes(bytes)));
  if (!heights.includes(height)) {
    throw new ToolError("KEYS_HEIGHT", {
      object: "release key",
      expected: `a height of ${heights.join(", ")}`,
      found: String(height),
      next: "Take 10 unless you plan more than 1,024 releases.",
    });
  }
  makeFolder(dir);
  const roots = Array.from({ length: rootCount }, () => ed25519Pair(random(32)));
  const agent = ed25519Pair(random(32));
  const secret: LmsSecret = { height, identifier: random(16), seed: random(24) };
  const release = LmsPrivateKey.generate(secret, options.onProgress);
  roots.forEach((pair, index) => {
    createFile(join(dir, `root-${index + 1}.key.json`), pairText("root", pair));
  });
  createFile(join(dir, "certificate.key"), pem(agent));
  createFile(join(dir, "release.tree"), release.exportTree());
  createFile(join(dir, "release.key.json"), secretText(secret, release.publicKey));
  createLedger(ledgerOptions(dir, release));
  const body = encodeKeySet({
    version: 1,
    roles: {
      root: { threshold: 2, keys: roots.map((pair) => pair.publicKey) },
      release: { threshold: 1, keys: [release.publicKey] },
      agent: { threshold: 1, keys: [agent.publicKey] },
    },
  });
  const signatures = roots.slice(0, 2).map((pair) => signKeySet(body, pair));
  createFile(join(dir, "keyset-1.cbor"), encodeSignedKeySet({ body, signatures }));
  syncDirectory(dir);
  return { publicKey: release.publicKey, files: readdirSync(dir).sort() };
}

/** @throws ToolError KEYS_EXIST */
function makeFolder(dir: string): void {
  if (existsSync(dir) && readdirSync(dir).length > 0) {
    throw new ToolError("KEYS_EXIST", {
      object: dir,
      expected: "an empty or a new folder",
      found: "files in it",
      next: "Name another folder; existing keys are never replaced.",
    });
  }
  mkdirSync(dir, { recursive: true, mode: 0o700 });
}

/** A release key that is ready to sign, each signature at a leaf that was reserved for it. */
export interface ReleaseSigner extends Signer {
  /** reservations made by sign, in order */
  reservations: Reservation[];
}

/** Opens the release key of a folder.
 *  @throws ToolError KEYS_MISSING, KEYS_DAMAGED; sign throws those of the ledger */
export function openReleaseKey(
  dir: string,
  options: { onProgress?: LeafProgress; now?: () => string } = {},
): ReleaseSigner {
  const path = join(dir, "release.key.json");
  const { secret, publicKey } = readSecret(path);
  const treePath = join(dir, "release.tree");
  const saved = existsSync(treePath) ? LmsPrivateKey.restore(secret, readFileSync(treePath)) : null;
  const key = saved ?? LmsPrivateKey.generate(secret, options.onProgress);
  if (hex(key.publicKey) !== publicKey) {
    throw new ToolError("KEYS_DAMAGED", {
      object: path,
      expected: `the public key ${publicKey.slice(0, 16)}…`,
      found: `${hex(key.publicKey).slice(0, 16)}… from its seed`,
      next: "Restore the file from its backup.",
    });
  }
  const ledger = { ...ledgerOptions(dir, key), now: options.now };
  const reservations: Reservation[] = [];
  return {
    alg: algHssLms,
    publicKey: key.publicKey,
    reservations,
    sign(message) {
      const digest = createHash("sha256").update(message).digest("hex");
      const reservation = reserveLeaf(ledger, digest);
      reservations.push(reservation);
      return key.sign(reservation.leaf, message);
    },
  };
}

export interface KeysReport {
  keySet: KeySet;
  /** the release key, 48 bytes */
  releaseKey: Uint8Array;
  ledger: LedgerState;
  /** of the whole key */
  leaves: number;
}

/** Reads what is public in a key folder, and checks key sets and ledger. @throws ToolError, CodedError */
export function showKeys(dir: string): KeysReport {
  const options = ledgerOf(dir);
  return {
    keySet: readKeySet(dir),
    releaseKey: fromHex(options.publicKey, 48),
    ledger: readLedger(options),
    leaves: options.leaves,
  };
}

/** The ledger of a key folder. @throws ToolError KEYS_MISSING, KEYS_DAMAGED */
export function ledgerOf(dir: string): LedgerOptions {
  const { secret, publicKey } = readSecret(join(dir, "release.key.json"));
  return { path: join(dir, "release"), publicKey, leaves: 2 ** secret.height };
}

/** Makes the folder of a further signing desk: the same release key, and none of its leaves. It signs with what the agent
 *  leases to it. Root and certificate keys stay where they are.
 *  @throws ToolError KEYS_MISSING, KEYS_DAMAGED, KEYS_EXIST */
export function createDesk(options: { dir: string; out: string }): string[] {
  const { dir, out } = options;
  const ledger = ledgerOf(dir);
  readKeySet(dir);
  makeFolder(out);
  const names = readdirSync(dir).filter((name) => /^(release\.tree|keyset-\d+\.cbor)$/.test(name));
  for (const name of [...names, "release.key.json"]) {
    createFile(join(out, name), readFileSync(join(dir, name)));
  }
  createLedger({ ...ledger, path: join(out, "release") }, false);
  syncDirectory(out);
  return readdirSync(out).sort();
}

/** The newest key set of a folder, each version checked against the one before.
 *  @throws ToolError KEYS_MISSING; CodedError of verifyKeySet */
export function readKeySet(dir: string): KeySet {
  let keySet: KeySet | null = null;
  for (let version = 1; existsSync(join(dir, `keyset-${version}.cbor`)); version++) {
    const bytes = readFileSync(join(dir, `keyset-${version}.cbor`));
    keySet = verifyKeySet(decodeSignedKeySet(bytes), keySet);
  }
  if (keySet === null) throw missing(join(dir, "keyset-1.cbor"));
  return keySet;
}

/** Public half of a PEM file that holds an Ed25519 private key. @returns 32 bytes */
export function ed25519PublicOfPem(text: string): Uint8Array {
  const der = createPublicKey(createPrivateKey(text)).export({ format: "der", type: "spki" });
  return new Uint8Array(der.subarray(-32));
}

function readSecret(path: string): { secret: LmsSecret; publicKey: string } {
  if (!existsSync(path)) throw missing(path);
  try {
    const file = JSON.parse(readFileSync(path, "utf8"));
    const secret = {
      height: file.height,
      identifier: fromHex(file.identifier, 16),
      seed: fromHex(file.seed, 24),
    };
    if (heights.includes(secret.height)) return { secret, publicKey: String(file.publicKey) };
    throw new TypeError(`height ${secret.height}`);
  } catch (cause) {
    throw new ToolError("KEYS_DAMAGED", {
      object: path,
      expected: "height, identifier, seed and publicKey",
      found: (cause as Error).message,
      next: "Restore the file from its backup.",
      cause,
    });
  }
}

function ledgerOptions(dir: string, key: LmsPrivateKey): LedgerOptions {
  return { path: join(dir, "release"), publicKey: hex(key.publicKey), leaves: key.leaves };
}

function pairText(role: string, pair: Ed25519Pair): string {
  const file = { role, kind: "ed25519", publicKey: hex(pair.publicKey), seed: hex(pair.seed) };
  return `${JSON.stringify(file, null, 2)}\n`;
}

function secretText({ height, identifier, seed }: LmsSecret, publicKey: Uint8Array): string {
  const file = {
    ...{ role: "release", kind: "LMS_SHA256_M24/LMOTS_SHA256_N24_W4", height },
    ...{ publicKey: hex(publicKey), identifier: hex(identifier), seed: hex(seed) },
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/** The form in which the agent keeps its certificate key: PKCS #8. */
function pem(pair: Ed25519Pair): string {
  const der = Buffer.concat([pkcs8Prefix, pair.seed]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  return key.export({ format: "pem", type: "pkcs8" }).toString();
}

function missing(path: string): ToolError {
  return new ToolError("KEYS_MISSING", {
    object: path,
    expected: "a key folder",
    found: "no such file",
    next: "Make one with: fleetling keys new --dir keys",
  });
}

function fromHex(text: string, length: number): Uint8Array {
  const bytes = new Uint8Array(Buffer.from(String(text), "hex"));
  if (bytes.length !== length) throw new TypeError(`${bytes.length} bytes instead of ${length}`);
  return bytes;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
