/** One LMS key in a key folder: NAME.key.json, NAME.tree, and its ledger. Root and release keys are alike. */
import { createHash, randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { algHssLms, type Signer } from "../../../firmware/protocol/host/cose.ts";
import {
  type LeafProgress,
  LmsPrivateKey,
  type LmsSecret,
} from "../../../firmware/protocol/host/lms/index.ts";
import { createFile } from "./durable.ts";
import { ToolError } from "./errors.ts";
import { createLedger, type LedgerOptions, type Reservation, reserveLeaf } from "./ledger.ts";

export type KeyRole = "root" | "release";

/** Heights a key may have: 32 (tests, root keys), 1,024, 32,768 and 1,048,576 signatures. A device takes signatures of
 *  root keys up to height 10. */
export const heights: Record<KeyRole, readonly number[]> = {
  root: [5, 10],
  release: [5, 10, 15, 20],
};

export interface NewKeyFile {
  dir: string;
  /** "root-1", "release" */
  name: string;
  role: KeyRole;
  height: number;
  /** source of secrets; default node's */
  random?: (bytes: number) => Uint8Array;
  onProgress?: LeafProgress;
}

/** Makes an LMS key with its ledger. @returns its public key, 48 bytes @throws ToolError KEYS_HEIGHT */
export function createKeyFile(options: NewKeyFile): Uint8Array {
  const { dir, name, role, height } = options;
  checkHeight(role, height);
  const random = options.random ?? ((bytes) => new Uint8Array(randomBytes(bytes)));
  const secret: LmsSecret = { height, identifier: random(16), seed: random(24) };
  const key = LmsPrivateKey.generate(secret, options.onProgress);
  createFile(join(dir, `${name}.tree`), key.exportTree());
  createFile(join(dir, `${name}.key.json`), secretText(role, secret, key.publicKey));
  createLedger(ledgerOptions(dir, name, key));
  return key.publicKey;
}

/** @throws ToolError KEYS_HEIGHT */
export function checkHeight(role: KeyRole, height: number): void {
  if (heights[role].includes(height)) return;
  throw new ToolError("KEYS_HEIGHT", {
    object: `${role} key`,
    expected: `a height of ${heights[role].join(", ")}`,
    found: String(height),
    next: role === "root" ? "Take 5." : "Take 10 unless you plan more than 1,024 releases.",
  });
}

/** A key that is ready to sign, each signature at a leaf that was reserved for it. */
export interface LeafSigner extends Signer {
  name: string;
  /** reservations made by sign, in order */
  reservations: Reservation[];
}

/** Opens a key. @throws ToolError KEYS_MISSING, KEYS_DAMAGED; sign throws those of the ledger */
export function openKeyFile(
  dir: string,
  name: string,
  options: { onProgress?: LeafProgress; now?: () => string } = {},
): LeafSigner {
  const path = join(dir, `${name}.key.json`);
  const { secret, publicKey } = readSecret(path);
  const treePath = join(dir, `${name}.tree`);
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
  const ledger = { ...ledgerOptions(dir, name, key), now: options.now };
  const reservations: Reservation[] = [];
  return {
    alg: algHssLms,
    name,
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

/** Keys of a role in a folder, without opening them.
 *  @returns name and public key (48 bytes) @throws ToolError KEYS_DAMAGED */
export function keysIn(dir: string, role: KeyRole): { name: string; publicKey: Uint8Array }[] {
  if (!existsSync(dir)) return [];
  const pattern = new RegExp(`^(${role}(-\\d+)?)\\.key\\.json$`);
  const names = readdirSync(dir).flatMap((file) => pattern.exec(file)?.[1] ?? []);
  return names.sort().map((name) => ({ name, publicKey: publicKeyIn(dir, name) }));
}

/** "root-4": a name that no key of the folder has. */
export function freeName(dir: string, role: KeyRole): string {
  for (let number = 2; ; number++) {
    if (!existsSync(join(dir, `${role}-${number}.key.json`))) return `${role}-${number}`;
  }
}

/** The ledger of a key. @throws ToolError KEYS_MISSING, KEYS_DAMAGED */
export function ledgerOfKey(dir: string, name: string): LedgerOptions {
  const { secret, publicKey } = readSecret(join(dir, `${name}.key.json`));
  return { path: join(dir, name), publicKey, leaves: 2 ** secret.height };
}

function publicKeyIn(dir: string, name: string): Uint8Array {
  return fromHex(readSecret(join(dir, `${name}.key.json`)).publicKey, 48);
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
    fromHex(file.publicKey, 48);
    if (heights.release.includes(secret.height)) return { secret, publicKey: file.publicKey };
    throw new TypeError(`height ${secret.height}`);
  } catch (cause) {
    throw new ToolError("KEYS_DAMAGED", {
      object: path,
      expected: "height, identifier, seed and publicKey of an LMS key",
      found: (cause as Error).message,
      next: "Restore the file from its backup.",
      cause,
    });
  }
}

function ledgerOptions(dir: string, name: string, key: LmsPrivateKey): LedgerOptions {
  return { path: join(dir, name), publicKey: hex(key.publicKey), leaves: key.leaves };
}

function secretText(role: KeyRole, secret: LmsSecret, publicKey: Uint8Array): string {
  const { height, identifier, seed } = secret;
  const file = {
    ...{ role, kind: "LMS_SHA256_M24/LMOTS_SHA256_N24_W4", height },
    ...{ publicKey: hex(publicKey), identifier: hex(identifier), seed: hex(seed) },
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/** @throws ToolError KEYS_MISSING */
export function missing(path: string): ToolError {
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
