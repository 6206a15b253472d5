/** A claimed device whose cloud an attacker may hold: the stage on which attacks on updates are played. */
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { boards, slotBytesOf } from "../../boards/index.ts";
import type { Code } from "../../firmware/protocol/errors.ts";
import {
  type CborDecoded,
  type CborMap,
  decode,
  encode,
} from "../../firmware/protocol/host/cbor.ts";
import type { CloudMessage } from "../../firmware/protocol/host/cloudMessages.ts";
import { encodeManifest, type ManifestInput } from "../../firmware/protocol/host/suit.ts";
import type { Firmware } from "../../scripts/cli/build/firmware.ts";
import { SimulatedDevice } from "../../scripts/testkit/device.ts";
import {
  buildApp,
  type Release,
  type Workbench,
  workbenchOf,
} from "../../scripts/testkit/factory.ts";

const app = fileURLToPath(new URL("../../scripts/examples/button.ts", import.meta.url));
let firmware: Firmware;

/** Builds what every stage runs; to be awaited before the first one. */
export async function buildStage(): Promise<void> {
  firmware = await buildApp(boards.puckjs!, app);
}

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const sha256 = (data: Uint8Array) => new Uint8Array(createHash("sha256").update(data).digest());

/** One claimed device that runs release 1, and all that an attacker has taken hold of: what its cloud says. */
export class Stage {
  readonly bench: Workbench;
  readonly device: SimulatedDevice;
  /** as release 1, and what a good release 2 would be */
  readonly payload = bytesOf(firmware.imageText);

  constructor(desks = 1) {
    this.bench = workbenchOf(firmware, "puckjs", desks);
    this.device = new SimulatedDevice(this.bench, {});
    this.device.powerOn();
    this.device.claim();
  }

  manifest(changes: Partial<ManifestInput> = {}): Uint8Array {
    const { vendorId, classId } = this.bench.birth.identity;
    return encodeManifest({
      ...{ sequence: 2, floor: 1, vendorId, classId, interpreter: ["2v0", "9v99"] },
      ...{ digest: sha256(this.payload), sizeBytes: this.payload.length },
      ...changes,
    });
  }

  /** A release that the desk signed. */
  release(changes: Partial<ManifestInput> = {}): Release {
    const envelope = this.bench.sign(this.manifest(changes));
    return { sequence: changes.sequence ?? 2, envelope, payload: this.payload };
  }

  /** Lets the cloud offer something. */
  offer(release: Release): void {
    this.device.cloud.offer = release;
    this.device.cloud.nudge();
  }

  /** A release of the desk whose image fills the slot: white space before it changes nothing. */
  fullRelease(): Release {
    const payload = new Uint8Array(slotBytesOf(boards.puckjs!)).fill(10);
    payload.set(this.payload, payload.length - this.payload.length);
    const digest = sha256(payload);
    return { ...this.release({ digest, sizeBytes: payload.length }), payload };
  }

  /** Lets the device's wait for an answer end in vain, so many times before each answer of a kind. */
  slow(kind: CloudMessage["kind"], times: number): void {
    let left = times;
    this.device.cloud.tamper = (message) => {
      if (message.kind !== kind) return message;
      if (left-- > 0) return null;
      left = times;
      return message;
    };
  }

  /** Codes that reached the cloud: by event if it has one, and in the newest check-in. */
  hears(code: Code, hasEvent: boolean): boolean {
    const { cloud } = this.device;
    return (
      cloud.reports.some((report) => report.code === code) === hasEvent &&
      cloud.checkIns.at(-1)?.info.refused?.code === code
    );
  }

  runs(sequence: number): void {
    this.device.until(`run release ${sequence}`, () => {
      const { state } = this.device;
      return state.sequence === sequence && state.slot === "confirmed";
    });
  }
}

/** Keeps every message of a kind from the device. */
export const never = (kind: CloudMessage["kind"]) => (message: CloudMessage) =>
  message.kind === kind ? null : message;

/** The manifest with another common section. */
export function withCommon(manifest: Uint8Array, change: (common: CborMap) => void): Uint8Array {
  const members = decode(manifest) as Map<number, CborDecoded>;
  const common = decode(members.get(3) as Uint8Array) as CborMap;
  change(common);
  members.set(3, encode(common));
  return encode(members as CborMap);
}
