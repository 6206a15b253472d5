import type { Board } from "../../../boards/index.ts";
import type { BirthRecord } from "../../../firmware/protocol/birth.ts";
import { batchKey, codeHash, deviceKey0, popKey } from "../../../firmware/protocol/host/kdf.ts";
import { type LmsRole, rootIdOf } from "../../../firmware/protocol/host/keysetChange.ts";
import { codeRandomBytes, labelUrl, makeCode } from "../../../firmware/protocol/host/labels.ts";
import { productIds } from "../../../firmware/protocol/host/productIds.ts";
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
  /** root: LMS root keys; without them the device can never take another key set */
  keySet: { version: number; threshold: number; releaseKeys: Uint8Array[]; root?: LmsRole };
  agentHost: string;
  agentPort: number;
  /** network that the device joins by itself; default none: its network is somebody else's matter */
  wifi?: { ssid: string; password: string };
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
      rootId: input.keySet.root && rootIdOf(input.keySet.root),
      deviceKey: deviceKey0(kb, input.serial, salt),
      popKey: popKey(code),
      seed: input.random(32),
      receiptI,
      receiptSeed,
      agentHost: input.agentHost,
      agentPort: input.agentPort,
      wifi: input.wifi,
    },
  };
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
