import type { DeviceRecord } from "../../cloud-agent/core/records.ts";
import type { RolloutRecord } from "../../cloud-agent/core/rollout/types.ts";
import type { BirthRecord } from "../../firmware/protocol/birth.ts";
import { codeHash, popKey } from "../../firmware/protocol/host/kdf.ts";
import { makeCode } from "../../firmware/protocol/host/labels.ts";

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** The label code of every fixture device. */
export const code = makeCode(new Uint8Array(10).fill(0x5a));
export const codePopKey = hex(popKey(code));

export function birthRecord(serial: string, changes: Partial<BirthRecord> = {}): BirthRecord {
  return {
    serial,
    model: "sensor-1",
    board: "puckjs",
    hardwareRev: 1,
    batch: "B1",
    salt: "00".repeat(16),
    kmId: 1,
    codeHash: hex(codeHash(serial, code)),
    receiptPublic: "11".repeat(48),
    vendorId: "22".repeat(16),
    classId: "33".repeat(16),
    bornAt: "2026-01-01T00:00:00.000Z",
    station: "line-1",
    ...changes,
  };
}

export function deviceRecord(serial: string, changes: Partial<DeviceRecord> = {}): DeviceRecord {
  return {
    serial,
    birth: birthRecord(serial),
    lifecycle: 1,
    epoch: 0,
    grantPending: false,
    claimId: null,
    claimPopKey: null,
    claimIntentUntilMs: null,
    account: null,
    group: null,
    site: null,
    tags: [],
    runningSequence: 0,
    runningDigest: "0".repeat(16),
    slotState: 0,
    floor: 0,
    otherSequence: 0,
    otherValid: false,
    interpreter: "",
    resetReason: 0,
    lastSeenMs: null,
    nextCheckInS: 0,
    checkInS: 60,
    settingsRevision: 0,
    wantedSettings: null,
    lastFailed: null,
    refused: null,
    download: null,
    zombieContacts: 0,
    brokerCounter: 0,
    route: "fl",
    order: null,
    ...changes,
  };
}

export function rolloutRecord(id: string, changes: Partial<RolloutRecord> = {}): RolloutRecord {
  return {
    id,
    policy: {
      name: "to 7",
      sequence: 7,
      target: {},
      waves: [{ name: "canary", size: { perBoard: 1 }, soakMs: 1000, confirmShare: 1 }],
      holdBackShare: 0,
      thresholds: {
        failed: 0,
        reverted: 0,
        rejected: 0,
        timedOut: 0.5,
        batterySlopeRatio: 2,
        slopeSamplesMin: 3,
        memoryPermillePerDay: 20,
        crashesPerDay: 0.25,
        checkInFailedShare: 0.1,
        silentShare: 0.1,
        metrics: {},
      },
      verdict: { falseAlarm: 0.02, devicesMin: 0, waitMs: 0, onTooFew: "hold" },
      deviceTimeoutMs: 60_000,
      silentMs: 60_000,
      onHalt: "keep",
      deadlineMs: null,
      author: "ann",
      approver: null,
    },
    status: "draft",
    wave: 0,
    waveStartedMs: 0,
    soakStartedMs: null,
    startedMs: null,
    endedMs: null,
    assigned: {},
    holdBack: [],
    acknowledged: [],
    haltReason: null,
    verdicts: [],
    ...changes,
  };
}
