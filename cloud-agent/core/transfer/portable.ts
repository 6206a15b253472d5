/** Which fields of a device's record an export gives to another agent. Each field is decided here: one that nobody has
 *  decided does not compile, so that no new secret slips out. Pure. */
import type { BirthRecord } from "../../../firmware/protocol/birth.ts";
import type { DeviceRecord } from "../records.ts";

/** kept: goes out and comes in. left: belongs to this agent's own keys, clock or work under way */
type Fate = "kept" | "left";

const fates: Record<keyof DeviceRecord, Fate> = {
  ...{ serial: "kept", lifecycle: "kept", epoch: "kept", epochKmIds: "kept" },
  // Split up below.
  birth: "left",
  // The device keeps the last number that it was given, so the next one has to be higher.
  commands: "kept",
  // A claim and the calls to other systems about it end where they began.
  provisioning: "left",
  ...{ grantPending: "left", claimId: "left", claimPopKey: "left", claimIntentUntilMs: "left" },
  ...{ account: "kept", entitlement: "kept", consent: "kept", group: "kept", site: "kept" },
  ...{ tags: "kept", timeZone: "kept", runningSequence: "kept", runningDigest: "kept" },
  ...{ slotState: "kept", floor: "kept", otherSequence: "kept", otherValid: "kept" },
  ...{ interpreter: "kept", resetReason: "kept", lastSeenMs: "kept", nextCheckInS: "kept" },
  // Counted on the listening clock of one agent.
  presence: "left",
  ...{ maintenance: "kept", checkInS: "kept", settingsRevision: "kept", settingsRefused: "kept" },
  ...{ latestVitals: "kept", wantedSettings: "kept", keySetVersion: "kept", keySetNews: "kept" },
  ...{ isSunset: "kept", fieldMinutesLeft: "kept", poison: "kept", lastFailed: "kept" },
  ...{ refused: "kept", refusedMs: "kept", deferred: "kept", penalty: "kept", isFrozen: "kept" },
  ...{ download: "kept", zombieContacts: "kept", route: "kept" },
  // Against replays to this agent's broker; orders and wipes carry tokens and nonces.
  ...{ brokerCounter: "left", order: "left", endedWipe: "left" },
};

/** What a device key and a claim follow from stays with whoever registered the birth. */
const birthFates: Record<keyof BirthRecord, Fate> = {
  ...{ serial: "kept", model: "kept", board: "kept", hardwareRev: "kept", batch: "kept" },
  ...{ salt: "left", kmId: "kept", codeHash: "left", receiptPublic: "kept" },
  ...{ vendorId: "kept", classId: "kept", bornAt: "kept", station: "kept", lots: "kept" },
};

export type PortableBirth = Omit<BirthRecord, "salt" | "codeHash">;
export interface Portable {
  birth: PortableBirth;
  record: Record<string, unknown>;
}

/** Takes out of a record what may travel. */
export function portableOf(device: DeviceRecord): Portable {
  const birth = pick(device.birth, birthFates) as unknown as PortableBirth;
  return { birth, record: pick(device, fates) };
}

/** A record as the receiving agent stores it.
 *  @param known birth that is registered there; null: none, so that the device cannot connect until it is */
export function recordFrom({ birth, record }: Portable, known: BirthRecord | null): DeviceRecord {
  const blank = {
    ...{ grantPending: false, claimId: null, claimPopKey: null, claimIntentUntilMs: null },
    ...{ brokerCounter: 0, order: null },
  };
  const kept = pick(record as unknown as DeviceRecord, fates);
  const full = known ?? { ...(pick(birth, birthFates) as object), salt: "", codeHash: "" };
  return { ...blank, ...kept, birth: full } as unknown as DeviceRecord;
}

/** True for a birth that came with an import: registering the true one completes it. */
export function lacksSecrets(birth: BirthRecord): boolean {
  return birth.salt === "" && birth.codeHash === "";
}

/** @returns name of the first field in which two births differ, secrets aside; null when none does */
export function birthMismatch(a: PortableBirth, b: PortableBirth): string | null {
  const text = (value: unknown) =>
    JSON.stringify(value && typeof value === "object" ? Object.entries(value).sort() : value);
  for (const [name, fate] of Object.entries(birthFates)) {
    const key = name as keyof PortableBirth;
    if (fate === "kept" && text(a[key]) !== text(b[key])) return name;
  }
  return null;
}

function pick<T extends object>(value: T, table: Partial<Record<string, Fate>>) {
  const kept: Record<string, unknown> = {};
  for (const [name, fate] of Object.entries(table)) {
    const own = (value as Record<string, unknown>)[name];
    if (fate === "kept" && own !== undefined) kept[name] = own;
  }
  return kept;
}
