/** A verified wipe receipt becomes a signed certificate in the chain, and its device retires. */
import { createPublicKey, type KeyObject, sign } from "node:crypto";
import {
  type CertificateInput,
  certificateHash,
  firstPrevious,
  signCertificate,
} from "../../firmware/protocol/host/certificate.ts";
import { Lifecycle, WipeMode } from "../../firmware/protocol/messages.ts";
import type { Tx } from "../storage/store.ts";
import type { VerifiedReceipt } from "./ports.ts";
import type { CertificateRecord, DeviceRecord, EventRecord } from "./records.ts";

/** Same as in package.json; a test holds them together. */
export const agentVersion = "0.1.0";

const destinations: Record<number, CertificateInput["destination"]> = {
  [WipeMode.Resale]: "resale",
  [WipeMode.Return]: "return",
  [WipeMode.Scrap]: "scrap",
};
const disposals: Record<number, string> = {
  [WipeMode.Resale]: "Goes on to its next owner.",
  [WipeMode.Return]: "Goes back to its maker.",
  [WipeMode.Scrap]: "Collection point for electronics; remove the battery first.",
};

/** Issues the certificate of a wipe and retires the device; see AgentPorts.certify.
 *  @param options.signingKey the agent's Ed25519 private key
 *  @throws CertificateError when the receipt does not bear the certificate; nothing is stored then */
export async function certifyWipe(
  tx: Tx,
  device: DeviceRecord,
  receipt: VerifiedReceipt,
  options: { signingKey: KeyObject; nowMs: number },
): Promise<{ device: DeviceRecord; certificate: CertificateRecord }> {
  const { nowMs } = options;
  const isRepeat = device.endedWipe?.orderId === receipt.orderId;
  const issued = isRepeat ? await tx.certificate(device.serial) : null;
  if (issued) return { device, certificate: issued };
  const last = await tx.lastCertificate();
  const place = {
    index: last === null ? 0 : last.index + 1,
    previous: last === null ? firstPrevious : certificateHash(last.json),
  };
  const input = { ...(await describe(tx, device, receipt, nowMs)), ...place };
  const json = signCertificate(input, certificateSigner(options.signingKey));
  const certificate = { ...place, serial: device.serial, json };
  await tx.appendCertificate(certificate);
  const retired = retire(device, receipt);
  await tx.putDevice(retired);
  await tx.appendEvent(
    {
      kind: "certificateIssued",
      serial: device.serial,
      text: `${device.serial} proved its wipe for ${destinations[receipt.mode]}; certificate ${place.index} was issued.`,
      data: { index: place.index, class: input.class, orderId: receipt.orderId },
    },
    nowMs,
  );
  return { device: retired, certificate };
}

/** Signer over the agent's key; its public half is what `fleetling verify-wipe` is given. */
export function certificateSigner(key: KeyObject) {
  return {
    publicKey: certificatePublicKey(key),
    sign: (message: Uint8Array) => new Uint8Array(sign(null, message, key)),
  };
}

/** Raw public half, 32 bytes. */
export function certificatePublicKey(key: KeyObject): Uint8Array {
  const { x } = createPublicKey(key).export({ format: "jwk" });
  return new Uint8Array(Buffer.from(x!, "base64url"));
}

async function describe(
  tx: Tx,
  device: DeviceRecord,
  receipt: VerifiedReceipt,
  nowMs: number,
): Promise<Omit<CertificateInput, "index" | "previous">> {
  const { serial, birth } = device;
  const orders = await eventsOfOrder(tx, serial, receipt.orderId);
  const billing = orders.find((event) => event.kind === "billingStopped");
  const person = orders.find((event) => typeof event.data.person === "string")?.data.person;
  return {
    // A report signed by the device is class C; the streamed and seeded proofs need a cable.
    class: "C",
    device: {
      make: `vendor ${birth.vendorId}`,
      model: birth.model,
      serial,
      board: birth.board,
      mediaType: "NOR flash of the microcontroller",
    },
    method: "Clear",
    technique: "keys and owner data zeroed in place, then pages erased and read back by the device",
    tool: { name: "fleetling agent", version: agentVersion },
    verification: "the device's own report, signed by its one-time receipt key",
    person: { name: String(person ?? "not recorded"), role: "ordered the wipe" },
    wipedAt: iso(receipt.timeS > 0 ? receipt.timeS * 1000 : nowMs),
    issuedAt: iso(nowMs),
    billingStoppedAt: billing ? iso(billing.atMs) : null,
    destination: destinations[receipt.mode]!,
    coverage: receipt.coverage.map(([name, pages, hash]) => ({ name, pages, hash: hex(hash) })),
    notCovered: ["regions that the coverage does not list, such as the frozen core"],
    disposal: disposals[receipt.mode]!,
    receipt: {
      publicKey: birth.receiptPublic,
      body: hex(receipt.body),
      signature: hex(receipt.signature),
    },
    proof: null,
  };
}

/** The order's own lines; they are among the device's newest. */
async function eventsOfOrder(tx: Tx, serial: string, orderId: number): Promise<EventRecord[]> {
  const found: EventRecord[] = [];
  for (const kind of ["billingStopped", "wipeOrdered"]) {
    const lines = await tx.events({ serial, kind, newestFirst: true, limit: 10 });
    found.push(...lines.filter((event) => event.data.orderId === orderId));
  }
  return found;
}

/** The order stays: a receipt that is sent again is answered with its token. */
function retire(device: DeviceRecord, receipt: VerifiedReceipt): DeviceRecord {
  const { order } = device;
  return {
    ...device,
    lifecycle: Lifecycle.Retired,
    grantPending: false,
    claimPopKey: null,
    claimIntentUntilMs: null,
    wantedSettings: null,
    endedWipe:
      order?.kind === "wipe"
        ? {
            orderId: receipt.orderId,
            mode: order.mode,
            ackToken: order.ackToken,
            nonce: order.nonce,
          }
        : null,
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
