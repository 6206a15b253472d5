/** What the factory says of a device enters here, once. */
import type { BirthRecord } from "../../firmware/protocol/birth.ts";
import { Lifecycle, SlotState } from "../../firmware/protocol/messages.ts";
import type { Tx } from "../storage/store.ts";
import { AgentCode, AgentError } from "./errors.ts";
import { needNotHeld } from "./quality/holds.ts";
import type { DeviceRecord } from "./records.ts";
import { birthMismatch, lacksSecrets } from "./transfer/portable.ts";

/** Registers a birth. The same birth again changes nothing, so that a line can send its list until it is answered.
 *  @throws AgentError BirthDiffers when this serial was born with other data; LotHeld when its batch or a lot is held */
export async function registerBirth(
  tx: Tx,
  options: { birth: BirthRecord; checkInS: number; nowMs: number },
): Promise<{ device: DeviceRecord; wasNew: boolean }> {
  const { birth, nowMs } = options;
  const known = await tx.device(birth.serial);
  if (known && lacksSecrets(known.birth) && birthMismatch(known.birth, birth) === null) {
    // Its history came with an import; from now on it can connect and be claimed here.
    const completed = { ...known, birth };
    await tx.putDevice(completed);
    const text = `The birth of ${birth.serial}, whose history was imported, is registered.`;
    await tx.appendEvent({ kind: "birthCompleted", serial: birth.serial, text }, nowMs);
    return { device: completed, wasNew: true };
  }
  if (known) {
    const different = birthDifference(known.birth, birth);
    if (different === null) return { device: known, wasNew: false };
    throw new AgentError(
      AgentCode.BirthDiffers,
      `device ${birth.serial}: its birth was registered with another ${different}`,
    );
  }
  await needNotHeld(tx, birth);
  const device = newDevice(birth, options.checkInS);
  await tx.putDevice(device);
  await tx.appendEvent(
    {
      kind: "deviceBorn",
      serial: birth.serial,
      text: `${birth.serial} (${birth.model} on ${birth.board}) was registered by station ${birth.station}.`,
      data: { board: birth.board, model: birth.model, batch: birth.batch },
    },
    nowMs,
  );
  return { device, wasNew: true };
}

/** @returns name of the first field that differs, null when both say the same */
function birthDifference(a: BirthRecord, b: BirthRecord): string | null {
  const text = (value: unknown) =>
    JSON.stringify(value && typeof value === "object" ? Object.entries(value).sort() : value);
  for (const name of Object.keys({ ...a, ...b }) as (keyof BirthRecord)[]) {
    if (text(a[name]) !== text(b[name])) return name;
  }
  return null;
}

/** A device as it leaves the factory: nothing about it is known from itself yet. */
function newDevice(birth: BirthRecord, checkInS: number): DeviceRecord {
  return {
    serial: birth.serial,
    birth,
    lifecycle: Lifecycle.Released,
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
    slotState: SlotState.Confirmed,
    floor: 0,
    otherSequence: 0,
    otherValid: false,
    interpreter: "",
    resetReason: 0,
    lastSeenMs: null,
    nextCheckInS: checkInS,
    checkInS,
    settingsRevision: 0,
    wantedSettings: null,
    lastFailed: null,
    refused: null,
    download: null,
    zombieContacts: 0,
    brokerCounter: 0,
    route: "fl",
    order: null,
  };
}
