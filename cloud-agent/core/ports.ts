/** What the parts of the agent ask of each other. The composition (agent.ts) fills these; tests fill them with fakes. */
import type { Coding } from "../../firmware/protocol/host/coding.ts";
import type { Store, Tx } from "../storage/store.ts";
import type { CertificateRecord, DeviceRecord } from "./records.ts";

/** Wall clock. Nothing else in the agent reads the time. */
export interface Clock {
  /** milliseconds since 1970 */
  nowMs(): number;
  /** milliseconds from any begin, that pass evenly and never jump; omitted: the wall clock has to do */
  monotonicMs?(): number;
}

/** Source of unpredictable bytes. Tests use a seeded one. */
export interface Random {
  bytes(count: number): Uint8Array;
}

/** Structured log: fields first, then one sentence. */
export interface Log {
  debug(fields: Record<string, unknown>, message: string): void;
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}

/** An update that a device should be told of in REPLY. */
export interface Offer {
  sequence: number;
  /** the exact bytes of the SUIT envelope */
  envelopeBytes: Uint8Array;
}

/** The two texts a FETCH reads from. */
export interface Image {
  envelope: Uint8Array;
  /** "loading": it comes from an origin and is not here yet; who asks again gets it */
  payload: Uint8Array | "loading";
}

/** A wipe receipt whose signature and nonce the device service has checked (SPEC.md §7). */
export interface VerifiedReceipt {
  /** exact signed bytes, and the LM-OTS signature over them */
  body: Uint8Array;
  signature: Uint8Array;
  orderId: number;
  mode: number;
  epoch: number;
  bootCount: number;
  /** device's clock when the wipe ended, seconds since 1970; 0 when it did not know */
  timeS: number;
  /** name, pages, first 8 bytes of SHA-256 over the region read back */
  coverage: [name: string, pages: number, hash: Uint8Array][];
}

/** Everything the device service needs from the rest of the agent. */
export interface AgentPorts {
  store: Store;
  clock: Clock;
  /** the listening clock (core/presence/listening.ts); omitted: the wall clock has to do */
  steadyMs?(): number;
  random: Random;
  log: Log;
  /** told how long each message took, by what it was */
  measured?(kind: string, ms: number): void;
  keys: {
    /** @returns the 32-byte master key with this id, null when this agent does not hold it */
    km(kmId: number): Uint8Array | null;
    /** the key that new births and key changes use */
    activeId: number;
  };
  config: DeviceServiceConfig;
  /** Asked at each authenticated check-in, after the device record was brought up to date.
   *  A lab offer comes first. @returns null when there is nothing to install */
  offerFor(tx: Tx, device: DeviceRecord): Promise<Offer | null>;
  /** Texts of a release for this device's class. A release may be fetched without being offered (a download goes on after
   *  a pause); a poisoned or unknown one may not. @returns null: answer NO with Code.ReleaseNotFound */
  image(tx: Tx, device: DeviceRecord, sequence: number): Promise<Image | null>;
  /** The very image that a device said it runs, by its digest: what a patch may copy from.
   *  @returns null when it was never published here, or is not here yet: blocks are packed then, each for itself */
  running(tx: Tx, device: DeviceRecord): Promise<Uint8Array | null>;
  /** The unverified image that the lab route left for this device, null outside the lab. offerFor and image use it too. */
  labOffer(serial: string): (Offer & Image) | null;
  /** Ends a wipe: appends the certificate to the chain, appends event "certificateIssued" and stores the device as
   *  Retired. `order` is kept, because a receipt that is sent again needs the same ackToken (`endedWipe` has it too, also
   *  after the next claim). A repeat for the same orderId
   *  returns the first certificate and changes nothing.
   *  Call it last in the transaction and go on with the returned device: earlier copies of the record are stale. */
  certify(
    tx: Tx,
    device: DeviceRecord,
    receipt: VerifiedReceipt,
  ): Promise<{ device: DeviceRecord; certificate: CertificateRecord }>;
}

export interface DeviceServiceConfig {
  /** 0 picks a free port */
  mqttPort: number;
  mqttHost: string;
  /** an external broker in place of the agent's own, and the name of a shared subscription there */
  mqttUrl?: string;
  mqttShare?: string;
  /** asked of devices that have no own value */
  checkInS: number;
  /** lab agents answer more openly and take unverified offers; never in production */
  lab: boolean;
  /** challenges of before this second are refused: set by a restore; default 0 */
  challengesSinceS?: number;
  /** how payloads may go to devices that can unpack: in any way, packed only, or plain */
  coding: Coding;
}

/** The device protocol behind the broker. `createDeviceService(ports: AgentPorts): DeviceService`
 *  stands in cloud-agent/session/service.ts. */
export interface DeviceService {
  start(): Promise<{ brokerPort: number }>;
  stop(): Promise<void>;
  /** Ids of the gateways that are connected now. */
  gateways(): string[];
  /** false while an external broker is away */
  isConnected(): boolean;
  /** Something waits for this device (order, grant, settings): send it now if the device can be reached, else at its next
   *  contact. Never throws; the truth is in the store. */
  nudge(serial: string): void;
}
