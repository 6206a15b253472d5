/** The key folder: three root keys, one release key, the agent's certificate key, signed key sets. */
import { createPrivateKey, createPublicKey, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Ed25519Pair, ed25519Pair } from "../../../firmware/protocol/host/ed25519.ts";
import {
  decodeSignedKeySet,
  encodeSignedKeySet,
  verifyChain,
} from "../../../firmware/protocol/host/keyset.ts";
import {
  encodeChange,
  type KeySetChange,
  signChange,
} from "../../../firmware/protocol/host/keysetChange.ts";
import type { LeafProgress } from "../../../firmware/protocol/host/lms/index.ts";
import { createFile, syncDirectory } from "./durable.ts";
import { ToolError } from "./errors.ts";
import {
  checkHeight,
  createKeyFile,
  keysIn,
  type LeafSigner,
  ledgerOfKey,
  missing,
  openKeyFile,
} from "./keyFile.ts";
import { createLedger, type LedgerOptions, type LedgerState, readLedger } from "./ledger.ts";

const rootCount = 3;
const rootHeight = 5;
const pkcs8Prefix = Buffer.from("302e020100300506032b657004220420", "hex");

export interface NewKeys {
  publicKey: Uint8Array;
  files: string[];
}

/** Makes a key folder. Nothing that exists is ever replaced.
 *  @param options.height of the release key
 *  @param options.rootHeight default 5: 32 leaves, of which 16 sign here
 *  @param options.random source of secrets; default node's
 *  @throws ToolError KEYS_EXIST, KEYS_HEIGHT */
export function createKeys(options: {
  dir: string;
  height: number;
  rootHeight?: number;
  random?: (bytes: number) => Uint8Array;
  onProgress?: LeafProgress;
}): NewKeys {
  const { dir, height, random, onProgress } = options;
  checkHeight("release", height);
  checkHeight("root", options.rootHeight ?? rootHeight);
  makeFolder(dir);
  const roots = Array.from({ length: rootCount }, (_, index) =>
    createKeyFile({
      ...{ dir, name: `root-${index + 1}`, role: "root", random },
      height: options.rootHeight ?? rootHeight,
    }),
  );
  const agent = ed25519Pair(random?.(32) ?? new Uint8Array(randomBytes(32)));
  createFile(join(dir, "certificate.key"), pem(agent));
  const publicKey = createKeyFile({
    ...{ dir, name: "release", role: "release", height, random, onProgress },
  });
  const root = { threshold: 2, keys: roots };
  const body = encodeChange({
    ...{ version: 1, previousRoot: root, root, withSequence: 0 },
    release: { threshold: 1, keys: [publicKey] },
    agent: { threshold: 1, keys: [agent.publicKey] },
  });
  const signatures = [1, 2].map((number) => signChange(body, openKeyFile(dir, `root-${number}`)));
  createFile(join(dir, "keyset-1.cbor"), encodeSignedKeySet({ body, signatures }));
  syncDirectory(dir);
  return { publicKey, files: readdirSync(dir).sort() };
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

/** Opens those release keys of a folder that a key set names.
 *  @throws ToolError KEYS_MISSING, KEYS_REVOKED, KEYS_DAMAGED; sign throws those of the ledger */
export function openReleaseKeys(
  dir: string,
  keySet: KeySetChange,
  options: { onProgress?: LeafProgress; now?: () => string } = {},
): LeafSigner[] {
  return namedReleaseKeys(dir, keySet).map(({ name }) => openKeyFile(dir, name, options));
}

/** Those release keys of a folder that a key set names, at least one.
 *  @throws ToolError KEYS_MISSING, KEYS_REVOKED, KEYS_DAMAGED */
export function namedReleaseKeys(
  dir: string,
  keySet: KeySetChange,
): { name: string; publicKey: Uint8Array }[] {
  const here = keysIn(dir, "release");
  if (here.length === 0) throw missing(join(dir, "release.key.json"));
  const isNamed = (publicKey: Uint8Array) =>
    keySet.release.keys.some((key) => Buffer.compare(key, publicKey) === 0);
  const named = here.filter(({ publicKey }) => isNamed(publicKey));
  if (named.length > 0) return named;
  throw new ToolError("KEYS_REVOKED", {
    object: dir,
    expected: `a release key of key set ${keySet.version}`,
    found: `${here.map(({ name }) => name).join(", ")}, which it does not name`,
    next:
      "Sign where a key of that set is, or copy a newer keyset-N.cbor into the folder; a key that was left out " +
      "signs nothing any more.",
  });
}

export interface KeysReport {
  keySet: KeySetChange;
  /** the release key of the newest key set that is here, else any; 48 bytes */
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
    releaseKey: new Uint8Array(Buffer.from(options.publicKey, "hex")),
    ledger: readLedger(options),
    leaves: options.leaves,
  };
}

/** The ledger of a folder's newest release key. @throws ToolError KEYS_MISSING, KEYS_DAMAGED */
export function ledgerOf(dir: string): LedgerOptions {
  return ledgerOfKey(dir, releaseName(dir));
}

function releaseName(dir: string): string {
  const here = keysIn(dir, "release");
  if (here.length === 0) throw missing(join(dir, "release.key.json"));
  const { release } = readKeySet(dir);
  const named = here.find(({ publicKey }) =>
    release.keys.some((key) => Buffer.compare(key, publicKey) === 0),
  );
  return (named ?? here.at(-1)!).name;
}

/** Makes the folder of a further signing desk: the same release key, and none of its leaves. It signs with what the agent
 *  leases to it. Root and certificate keys stay where they are.
 *  @throws ToolError KEYS_MISSING, KEYS_DAMAGED, KEYS_EXIST */
export function createDesk(options: { dir: string; out: string }): string[] {
  const { dir, out } = options;
  const name = releaseName(dir);
  const ledger = ledgerOfKey(dir, name);
  makeFolder(out);
  const files = readdirSync(dir).filter((file) => /^keyset-\d+\.cbor$/.test(file));
  for (const file of [...files, `${name}.tree`, `${name}.key.json`]) {
    if (existsSync(join(dir, file))) createFile(join(out, file), readFileSync(join(dir, file)));
  }
  createLedger({ ...ledger, path: join(out, name) }, false);
  syncDirectory(out);
  return readdirSync(out).sort();
}

/** Makes the folder of a further signer: a release key of their own and the key sets so far. It counts once the next key
 *  set names it.
 *  @param options.dir folder whose key sets are followed
 *  @returns the public key, 48 bytes @throws ToolError KEYS_MISSING, KEYS_HEIGHT, KEYS_EXIST; CodedError of a key set */
export function createSigner(options: {
  dir: string;
  out: string;
  height: number;
  onProgress?: LeafProgress;
}): NewKeys {
  const { dir, out, height, onProgress } = options;
  checkHeight("release", height);
  const { version } = readKeySet(dir);
  makeFolder(out);
  for (let number = 1; number <= version; number++) {
    createFile(
      join(out, `keyset-${number}.cbor`),
      readFileSync(join(dir, `keyset-${number}.cbor`)),
    );
  }
  const publicKey = createKeyFile({
    ...{ dir: out, name: "release", role: "release", height, onProgress },
  });
  syncDirectory(out);
  return { publicKey, files: readdirSync(out).sort() };
}

/** The key sets of a folder, each version checked against the one before.
 *  @throws ToolError KEYS_MISSING; CodedError of verifyKeySet */
export function readKeySets(dir: string): KeySetChange[] {
  const files: Uint8Array[] = [];
  for (let version = 1; existsSync(join(dir, `keyset-${version}.cbor`)); version++) {
    files.push(readFileSync(join(dir, `keyset-${version}.cbor`)));
  }
  if (files.length === 0) throw missing(join(dir, "keyset-1.cbor"));
  return verifyChain(files.map(decodeSignedKeySet));
}

/** The newest of them. @throws as readKeySets */
export function readKeySet(dir: string): KeySetChange {
  return readKeySets(dir).at(-1)!;
}

/** Public half of a PEM file that holds an Ed25519 private key. @returns 32 bytes */
export function ed25519PublicOfPem(text: string): Uint8Array {
  const der = createPublicKey(createPrivateKey(text)).export({ format: "der", type: "spki" });
  return new Uint8Array(der.subarray(-32));
}

/** The form in which the agent keeps its certificate key: PKCS #8. */
function pem(pair: Ed25519Pair): string {
  const der = Buffer.concat([pkcs8Prefix, pair.seed]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  return key.export({ format: "pem", type: "pkcs8" }).toString();
}
