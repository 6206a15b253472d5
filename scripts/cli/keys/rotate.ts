/** Making the next key set, and signing one with the root keys that are here. A set that still misses signatures waits as
 *  `keyset-N.pending.cbor`, which no other command reads. */
import { existsSync, readFileSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import {
  decodeKeySet,
  decodeSignedKeySet,
  encodeSignedKeySet,
  kidOf,
  type RootSignatures,
  rootSignatures,
  type SignedKeySet,
  verifyKeySet,
} from "../../../firmware/protocol/host/keyset.ts";
import {
  encodeChange,
  type KeySetChange,
  type LmsRole,
  signChange,
} from "../../../firmware/protocol/host/keysetChange.ts";
import { replaceFile, syncDirectory } from "./durable.ts";
import { ToolError } from "./errors.ts";
import {
  checkHeight,
  createKeyFile,
  freeName,
  type KeyRole,
  keysIn,
  openKeyFile,
} from "./keyFile.ts";
import { readKeySets } from "./store.ts";

export interface RoleChange {
  /** height of a key to make here */
  make?: number;
  /** public keys (hex, 48 bytes) that were made elsewhere */
  add?: string[];
  /** kids (hex, 8 bytes) of keys to leave out */
  drop?: string[];
  threshold?: number;
}

export interface RotateInput {
  dir: string;
  root?: RoleChange;
  release?: RoleChange;
  /** release whose confirm brings it into force; default 0, at once */
  withSequence?: number;
}

export interface SetReport extends RootSignatures {
  version: number;
  /** complete: keyset-N.cbor; else the pending file */
  file: string;
  isComplete: boolean;
  /** names of keys made here */
  made: string[];
}

/** Makes key set N+1 and signs it with the root keys of N and N+1 that are in the folder.
 *  @throws ToolError KEYS_INPUT, KEYS_EXIST, KEYS_HEIGHT, those of folder and ledgers; CodedError KeySetMalformed */
export function rotate(input: RotateInput): SetReport {
  const { dir } = input;
  const current = readKeySets(dir).at(-1)!;
  const version = current.version + 1;
  const pending = pendingPath(dir, version);
  if (existsSync(pending)) {
    throw new ToolError("KEYS_EXIST", {
      object: pending,
      expected: "no key set that waits for signatures",
      found: "one",
      next: "Sign it with: fleetling keys sign-set; or remove it to begin again.",
    });
  }
  // Everything is checked before a key is made: a mistake must not leave keys behind.
  const [root, release] = (["root", "release"] as const).map((name) =>
    planned(name, current[name], input[name] ?? {}),
  ) as [Planned, Planned];
  const made = [root, release].flatMap((plan) => plan.make(dir));
  const change: KeySetChange = {
    ...{ version, previousRoot: current.root, agent: current.agent },
    ...{ root: root.role, release: release.role, withSequence: input.withSequence ?? 0 },
  };
  const body = encodeChange(change);
  decodeKeySet(body);
  return { ...signHere(dir, { body, signatures: [] }, pending), made };
}

/** Adds the signatures of the root keys that are in the folder to a key set of another desk.
 *  @param file read, and written with the signatures added
 *  @throws ToolError KEYS_INPUT, those of folder and ledgers; CodedError of verifyKeySet */
export function signSet(options: { dir: string; file: string }): SetReport {
  const { dir, file } = options;
  if (!existsSync(file)) {
    throw input(file, "a key set that waits for signatures", "no such file");
  }
  const signed = decodeSignedKeySet(readFileSync(file));
  const next = decodeKeySet(signed.body);
  const current = readKeySets(dir).at(-1)!;
  if (next.version !== current.version + 1) {
    const found = `version ${next.version}`;
    throw input(file, `version ${current.version + 1}, the next one of ${dir}`, found);
  }
  return { ...signHere(dir, signed, file), made: [] };
}

function signHere(dir: string, signed: SignedKeySet, file: string): Omit<SetReport, "made"> {
  const { previousRoot, root, version } = decodeKeySet(signed.body);
  const before = rootSignatures(signed);
  const wanted = [...previousRoot.keys, ...root.keys].map(kidOf);
  const signatures = [...signed.signatures];
  const signedBy = [...before.signedBy];
  for (const { name, publicKey } of keysIn(dir, "root")) {
    const kid = kidOf(publicKey);
    if (!wanted.includes(kid) || signedBy.includes(kid)) continue;
    signatures.push(signChange(signed.body, openKeyFile(dir, name)));
    signedBy.push(kid);
  }
  const whole = { body: signed.body, signatures };
  const found = rootSignatures(whole);
  const isComplete = found.missingBefore + found.missingNext === 0;
  const bytes = encodeSignedKeySet(whole);
  const final = join(dir, `keyset-${version}.cbor`);
  if (isComplete) {
    verifyKeySet(whole, readKeySets(dir).at(-1)!);
    replaceFile(final, bytes);
    if (existsSync(pendingPath(dir, version))) unlinkSync(pendingPath(dir, version));
    syncDirectory(dir);
  }
  if (!isComplete || file !== pendingPath(dir, version)) replaceFile(file, bytes);
  return { ...found, version, isComplete, file: isComplete ? final : file };
}

interface Planned {
  role: LmsRole;
  /** makes what is to be made. @returns its names */
  make(dir: string): string[];
}

function planned(name: KeyRole, role: LmsRole, change: RoleChange): Planned {
  const drop = change.drop ?? [];
  const known = role.keys.map(kidOf);
  const stranger = drop.find((kid) => !known.includes(kid));
  if (stranger !== undefined) throw input(`--drop-${name}`, `one of ${known.join(", ")}`, stranger);
  const added = (change.add ?? []).map((text) => {
    if (!/^[0-9a-f]{96}$/.test(text)) throw input(`--add-${name}`, "48 bytes in hex", text);
    return new Uint8Array(Buffer.from(text, "hex"));
  });
  const keys = [...role.keys.filter((key) => !drop.includes(kidOf(key))), ...added];
  if (change.make !== undefined) checkHeight(name, change.make);
  const count = keys.length + (change.make === undefined ? 0 : 1);
  const most = name === "root" ? 5 : 3;
  if (count < 1 || count > most) throw input(`${name} keys`, `1 to ${most}`, String(count));
  const threshold = change.threshold ?? Math.min(role.threshold, count);
  if (!Number.isInteger(threshold) || threshold < 1 || threshold > count) {
    throw input(`--${name}-threshold`, `1 to ${count}`, String(threshold));
  }
  return {
    role: { threshold, keys },
    make(dir) {
      if (change.make === undefined) return [];
      const made = freeName(dir, name);
      keys.push(createKeyFile({ dir, name: made, role: name, height: change.make }));
      return [made];
    },
  };
}

function pendingPath(dir: string, version: number): string {
  return join(dir, `keyset-${version}.pending.cbor`);
}

function input(object: string, expected: string, found: string): ToolError {
  const next = "See fleetling keys rotate --help and fleetling keys show.";
  return new ToolError("KEYS_INPUT", { object, expected, found, next });
}
