import { createHash } from "node:crypto";
import type { Board } from "../../../boards/index.ts";
import type { BirthRecord } from "../../../firmware/protocol/birth.ts";
import { batchKey, codeHash, deviceKey0, popKey } from "../../../firmware/protocol/host/kdf.ts";
import { codeRandomBytes, labelUrl, makeCode } from "../../../firmware/protocol/host/labels.ts";
import { receiptPublic } from "../../../firmware/protocol/host/receipt.ts";
import type { IdentityInput } from "./identity.ts";

/** What one device gets at birth. */
export interface BirthInput {
  board: Board;
  serial: string;
  model: string;
  hardwareRev: number;
  batch: string;
  station: string;
  /** vendor domain, for example "example.com" */
  vendorDomain: string;
  kmId: number;
  /** KM of the agent, or the batch key lent to the line: one of the two */
  km?: Uint8Array;
  batchKey?: Uint8Array;
  keySet: { version: number; threshold: number; releaseKeys: Uint8Array[] };
  agentHost: string;
  agentPort: number;
  labelHost: string;
  bornAt: Date;
  random(bytes: number): Uint8Array;
}

/** Everything the line makes for one device. `secrets` are only for a test that searches for them afterwards. */
export interface Birth {
  record: BirthRecord;
  identity: IdentityInput;
  code: string;
  labelUrl: string;
}

const dnsNamespace = Buffer.from("6ba7b8109dad11d180b400c04fd430c8", "hex");

/** UUIDv5 (RFC 9562 §5.5) as 16 bytes. */
export function uuid5(namespace: Uint8Array, name: string): Uint8Array {
  const h = createHash("sha1").update(namespace).update(name, "utf8").digest().subarray(0, 16);
  h[6] = (h[6]! & 0x0f) | 0x50;
  h[8] = (h[8]! & 0x3f) | 0x80;
  return new Uint8Array(h);
}

/** Vendor id of a domain, class id of a model on a board (SPEC.md §2.1). */
export function productIds(vendorDomain: string, model: string, boardId: string) {
  const vendorId = uuid5(dnsNamespace, vendorDomain);
  return { vendorId, classId: uuid5(vendorId, `${model}@${boardId}`) };
}

/** Makes identity, birth record and label of one device. Neither CODE nor a device key enters the record. */
export function makeBirth(input: BirthInput): Birth {
  const { vendorId, classId } = productIds(input.vendorDomain, input.model, input.board.id);
  const salt = input.random(16);
  const code = makeCode(input.random(codeRandomBytes));
  const receiptI = input.random(16);
  const receiptSeed = input.random(24);
  const kb = input.batchKey ?? batchKey(input.km!, input.batch);
  return {
    code,
    labelUrl: labelUrl(input.labelHost, input.model, input.serial, code),
    record: {
      serial: input.serial,
      model: input.model,
      board: input.board.id,
      hardwareRev: input.hardwareRev,
      batch: input.batch,
      salt: hex(salt),
      kmId: input.kmId,
      codeHash: hex(codeHash(input.serial, code)),
      receiptPublic: hex(receiptPublic(receiptI, receiptSeed)),
      vendorId: hex(vendorId),
      classId: hex(classId),
      bornAt: input.bornAt.toISOString(),
      station: input.station,
    },
    identity: {
      serial: input.serial,
      vendorId,
      classId,
      kmId: input.kmId,
      hardwareRev: input.hardwareRev,
      keySetVersion: input.keySet.version,
      threshold: input.keySet.threshold,
      releaseKeys: input.keySet.releaseKeys,
      deviceKey: deviceKey0(kb, input.serial, salt),
      popKey: popKey(code),
      seed: input.random(32),
      receiptI,
      receiptSeed,
      agentHost: input.agentHost,
      agentPort: input.agentPort,
    },
  };
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
