import type { BirthRecord } from "../../firmware/protocol/birth.ts";
import type { DeclaredSettings } from "../../firmware/protocol/host/settings.ts";
import type { Lifecycle, SlotState } from "../../firmware/protocol/messages.ts";
import type { Maintenance } from "./maintenance.ts";
import type { Entitlement, OwnerConsent } from "./ownership.ts";
import type { Presence } from "./presence/presence.ts";
import type { Evidence, ReportKind } from "./reports.ts";
import type { Penalty } from "./rollout/penalty.ts";

/** What the agent knows of one device. Truth comes from check-ins: running* and slot fields are only ever set from an
 *  authenticated CHECKIN, never because an order was sent. */
export interface DeviceRecord {
  serial: string;
  birth: BirthRecord;
  lifecycle: Lifecycle;
  /** current key epoch; a pending grant makes epoch + 1 acceptable too */
  epoch: number;
  /** epoch of a key change → number of the master key that this epoch and later ones follow from; before the first one:
   *  the birth's */
  epochKmIds?: Record<number, number>;
  grantPending: boolean;
  /** hex, 8 bytes; set while a claim is pending or done */
  claimId: string | null;
  /** hex popKey, only while a claim intent is open */
  claimPopKey: string | null;
  claimIntentUntilMs: number | null;
  account: string | null;
  /** what its owner pays for; absent or null: nobody told */
  entitlement?: Entitlement | null;
  /** what its owner agreed to; absent or null: nobody told */
  consent?: OwnerConsent | null;
  /** the saga (core/provisioning) that its claim or decommission waits for; absent or null: none */
  provisioning?: string | null;
  group: string | null;
  site: string | null;
  tags: string[];
  /** where it stands: IANA name or "+02:00"; absent or null: nobody told */
  timeZone?: string | null;
  runningSequence: number;
  /** hex, 8 bytes */
  runningDigest: string;
  slotState: SlotState;
  floor: number;
  otherSequence: number;
  otherValid: boolean;
  interpreter: string;
  resetReason: number;
  lastSeenMs: number | null;
  /** whether it keeps its promise to come again; absent in records from before presence was watched */
  presence?: Presence;
  /** promised by the device */
  nextCheckInS: number;
  /** set while somebody works on it (lifecycle 7) */
  maintenance?: Maintenance | null;
  checkInS: number;
  /** revision that the device reports */
  settingsRevision: number;
  /** codes of settings that the device did not take, by name */
  settingsRefused?: Record<string, number>;
  /** newest value of each vital and metric ("m." + name) that it told under the release it runs; absent before the first */
  latestVitals?: Record<string, number>;
  /** what it should have; sent while the reported revision is lower */
  wantedSettings?: { revision: number; values: Record<string, number | string | boolean> } | null;
  /** version of the key set in force, as it reports; absent before its first check-in */
  keySetVersion?: number;
  /** the newest one it was offered: its document (hex, 8 bytes) and what became of it, null until the device says */
  keySetNews?: { version: number; code: number | null; digest: string };
  /** true when the device says that it went into local mode by a sunset order */
  isSunset?: boolean;
  /** minutes of its trial that are left for a person in the field to confirm the release; absent or null: none is waited for */
  fieldMinutesLeft?: number | null;
  /** digests (hex, 8 bytes) of the images that it never takes again by itself, newest first */
  poison?: string[];
  /** resetReason and log: how its last start ended; absent in records from before they were told */
  lastFailed: {
    sequence: number;
    digest: string;
    code: number;
    text: string;
    resetReason?: number;
    log?: string;
  } | null;
  /** of a release; that check-ins stayed unanswered is in isFrozen */
  refused: { sequence: number; code: number } | null;
  /** when it told that refusal; absent in records from before */
  refusedMs?: number | null;
  /** the release that its app puts off, and since when; null or absent when it does not */
  deferred?: { sequence: number; sinceMs: number } | null;
  /** failures of late, and until when it is left alone */
  penalty?: Penalty | null;
  /** true when its newest check-in said that those before it had stayed unanswered for long (Frozen) */
  isFrozen?: boolean;
  download: { sequence: number; bytesDone: number; sizeBytes: number } | null;
  zombieContacts: number;
  brokerCounter: number;
  /** "fl" for its own connection, "gw/ID" for the gateway its last authenticated frame came through */
  route: string;
  /** order that is to be delivered at the next contact, repeated until answered */
  order: DeviceOrder | null;
  /** commands that wait for a result, and the last id that was given; absent: it never had one */
  commands?: {
    open: number;
    lastId: number;
    /** when it was last asked for its log because of a crash */
    crashAskedMs?: number;
  };
  /** the newest wipe that ended with a certificate: answers its receipt when the device, already claimed again, repeats it */
  endedWipe?: { orderId: number; mode: number; ackToken: string; nonce: string } | null;
}

export type DeviceOrder =
  | { kind: "revert"; orderId: number; toSequence: number; createdMs: number }
  | { kind: "sunset"; orderId: number; isOn: boolean; createdMs: number }
  /** a person in the field vouches for the release on trial */
  | { kind: "confirm"; orderId: number; sequence: number; createdMs: number }
  /** digest: hex, 8 bytes */
  | { kind: "clearPoison"; orderId: number; digest: string; createdMs: number }
  | {
      kind: "wipe";
      orderId: number;
      mode: number;
      /** hex */
      nonce: string;
      ackToken: string;
      createdMs: number;
      acceptedMs: number | null;
    };

/** Session of a device. Session keys are derived again from hello and chalBody; nothing secret is stored. */
export interface SessionRecord {
  serial: string;
  epoch: number;
  /** hex of the exact bytes */
  hello: string;
  chalBody: string;
  /** hex, 4 bytes */
  sid: string;
  bootCount: number;
  handshakeCount: number;
  receivedCounter: number;
  /** send counters below this may have been used; an agent that starts continues from here */
  sendReserved: number;
}

export interface ReleaseRecord {
  sequence: number;
  version: string;
  /** class ids (hex) this release has images for; one manifest and payload per class */
  images: ReleaseImage[];
  type: "security" | "fix" | "feature";
  notes: string;
  /** ISO dates and text of the manifest; absent where it says nothing */
  supportUntil?: string;
  endOfLife?: string;
  disposal?: string;
  publishedMs: number;
  /** true: devices below it have to confirm it before anything higher */
  mustPass?: boolean;
  /** reports that it was published with, by kind; absent where the agent asked for none */
  evidence?: Partial<Record<ReportKind, Evidence>>;
  poisonedMs: number | null;
  poisonReason: string | null;
  /** who had it signed without trying an update of it, and why; absent where it was tried, or nobody said */
  unchecked?: { person: string; reason: string };
  /** the newest downgrade ticket; absent where there is none */
  ticket?: TicketRecord;
}

export interface TicketRecord {
  /** floor of the devices that may take it */
  floor: number;
  /** who decided, and why */
  person: string;
  reason: string;
  publishedBy: string;
  atMs: number;
}

export interface ReleaseImage {
  classId: string;
  board: string;
  /** hex SHA-256 of the payload */
  digest: string;
  sizeBytes: number;
  /** where its payload is; absent: in the database */
  payloadAt?: "origin";
  floor: number;
  envelopeBytes: number;
  /** the app's declared settings; absent where the release file told none */
  settings?: DeclaredSettings;
  /** names of the app's commands; absent where the release file told none */
  commands?: string[];
  /** digest (hex) of the names that its build kept for the next one, as the release file tells it */
  names?: string;
  /** kids (hex) of the keys that signed it */
  signedBy?: string[];
  /** first key set by which it verifies; absent: by the one that devices are born with */
  keySetFrom?: number;
  /** its second envelope, with the release's downgrade ticket */
  ticket?: { envelopeBytes: number; signedBy: string[]; keySetFrom?: number };
}

/** One line of the one log. Everything that was decided or seen, in order. */
export interface EventRecord {
  id: number;
  atMs: number;
  /** past tense, for example "claimCommitted", "updateConfirmed", "rolloutHalted" */
  kind: string;
  serial: string | null;
  rolloutId: string | null;
  sequence: number | null;
  code: number | null;
  /** a sentence for people */
  text: string;
  data: Record<string, unknown>;
}
export type NewEvent = Partial<Omit<EventRecord, "id" | "kind" | "text">> & {
  kind: string;
  text: string;
};

export interface VitalsRecord {
  serial: string;
  atMs: number;
  sequence: number;
  /** named as in SPEC.md §4.2, for example batteryMv: [min, max, last]; and metrics by "m." + name;
   *  resetReason: [reason] of the run it was measured in */
  values: Record<string, number[]>;
}

export interface CertificateRecord {
  index: number;
  serial: string;
  /** hex SHA-256 of the previous certificate's JSON; 64 zeros for the first */
  previous: string;
  json: string;
}

export interface TokenRecord {
  id: string;
  /** hex SHA-256 of the token */
  hash: string;
  role:
    | "viewer"
    | "operator"
    | "releaser"
    | "desk"
    | "approver"
    | "line"
    | "installer"
    | "admin"
    | "gateway";
  name: string;
  expiresMs: number | null;
}
