/** Wipe certificates: Ed25519-signed JSON with the fields of NIST SP 800-88, checked without any network.
 *  The signed bytes are the canonical JSON of everything but `signature`: keys sorted, no spaces. */
import { createHash } from "node:crypto";
import { ed25519Verify } from "./ed25519.ts";
import { openReceipt, type ReceiptBody } from "./receipt.ts";

/** How well the erasure is proven.
 *  A streamed proof over USB · B seeded fill and blank hash · C authenticated report (signed receipt) only ·
 *  D keys destroyed, erasure not proven · X contradiction. */
export type CertificateClass = "A" | "B" | "C" | "D" | "X";
/** Sanitisation methods of SP 800-88; None stands on classes D and X. */
export type SanitisationMethod = "Clear" | "Purge" | "Destroy" | "None";

/** Proof that goes into a certificate and lets anyone check it again. All hex. */
export interface CertificateReceipt {
  /** public half of the receipt key, from the birth record */
  publicKey: string;
  body: string;
  signature: string;
}

export interface CertificateInput {
  class: CertificateClass;
  device: { make: string; model: string; serial: string; board: string; mediaType: string };
  method: SanitisationMethod;
  /** how it was done: "zeroed in place, pages erased, read back" */
  technique: string;
  tool: { name: string; version: string };
  /** how it was verified, in words */
  verification: string;
  person: { name: string; role: string; organisation?: string; location?: string };
  /** ISO time of the wipe's end, and of the certificate */
  wipedAt: string;
  issuedAt: string;
  /** ISO time; null when nothing was billed */
  billingStoppedAt: string | null;
  destination: "resale" | "return" | "scrap";
  coverage: { name: string; pages: number; hash: string }[];
  /** what this certificate does not vouch for, beside the sentence that always stands */
  notCovered: string[];
  disposal: string;
  receipt: CertificateReceipt | null;
  /** class A and B: the verifier's transcript; hex SHA-256 */
  proof: { kind: "streamed" | "seeded"; transcript: string } | null;
  /** place in the chain */
  index: number;
  /** hex SHA-256 of the previous certificate's JSON; 64 zeros for the first */
  previous: string;
}

export interface Certificate extends CertificateInput {
  format: "fleetling-wipe-certificate";
  version: 1;
  assumption: string;
  /** hex Ed25519 public key of the agent */
  agentKey: string;
  /** hex */
  signature: string;
}

export interface CertificateSigner {
  /** 32 bytes */
  publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

/** Why a certificate is refused, by the signer or by the verifier. */
export type CertificateFault =
  | "NOT_JSON"
  | "WRONG_FORMAT"
  | "WRONG_KEY"
  | "SIGNATURE"
  | "RECEIPT_MISSING"
  | "RECEIPT_INVALID"
  | "RECEIPT_OTHER_DEVICE"
  | "RECEIPT_OTHER_COVERAGE"
  | "PROOF_MISSING"
  | "CLASS_OVERSTATED"
  | "CHAIN";

/** A certificate that is not signed or not believed. The message names expectation and finding. */
export class CertificateError extends Error {
  readonly code: CertificateFault;
  constructor(code: CertificateFault, finding: string) {
    super(`wipe certificate: ${finding}`);
    this.name = "CertificateError";
    this.code = code;
  }
}

export const firstPrevious = "0".repeat(64);
const assumption =
  "Assumes that the device ran the genuine interpreter; a replaced interpreter can report anything.";
const modeNames = ["", "resale", "return", "scrap"];
const hex64 = /^[0-9a-f]{64}$/;

/** Signs a certificate. Classes A to C need a receipt that verifies; A and B a proof besides.
 *  @returns the JSON text, exactly as it is to be stored
 *  @throws CertificateError: nothing is signed that the verifier would refuse */
export function signCertificate(input: CertificateInput, signer: CertificateSigner): string {
  const agentKey = toHex(signer.publicKey);
  const unsigned: Omit<Certificate, "signature"> = {
    ...input,
    format: "fleetling-wipe-certificate",
    version: 1,
    assumption,
    agentKey,
  };
  checkClaims(unsigned);
  const signature = toHex(signer.sign(signedBytes(unsigned)));
  return canonical({ ...unsigned, signature });
}

/** Checks a certificate offline: form, signature, and that its class is not above its proof.
 *  @param json text as signCertificate gave it
 *  @param publicKey Ed25519 key of the agent, 32 bytes
 *  @throws CertificateError; nothing else */
export function verifyCertificate(json: string, publicKey: Uint8Array): Certificate {
  const certificate = parse(json);
  if (certificate.agentKey !== toHex(publicKey)) {
    const found = String(certificate.agentKey).slice(0, 16);
    throw new CertificateError("WRONG_KEY", `expected the agent's key, got ${found}…`);
  }
  const { signature, ...unsigned } = certificate;
  const bytes = new Uint8Array(Buffer.from(String(signature), "hex"));
  if (!ed25519Verify(publicKey, signedBytes(unsigned), bytes)) {
    throw new CertificateError("SIGNATURE", "expected an unchanged certificate, got a changed one");
  }
  checkClaims(certificate);
  return certificate;
}

/** Checks a list of certificates and that each names the one before.
 *  @throws CertificateError CHAIN and those of verifyCertificate */
export function verifyChain(texts: readonly string[], publicKey: Uint8Array): Certificate[] {
  let previous = firstPrevious;
  return texts.map((text, index) => {
    const certificate = verifyCertificate(text, publicKey);
    if (certificate.previous !== previous) {
      throw new CertificateError("CHAIN", `number ${index}: does not follow the one before`);
    }
    previous = certificateHash(text);
    return certificate;
  });
}

/** Hash by which the next certificate names this one. @returns hex SHA-256 of the text */
export function certificateHash(json: string): string {
  return createHash("sha256").update(json).digest("hex");
}

/** JSON with sorted keys and without spaces; undefined members are left out. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  const members = Object.entries(value)
    .filter((entry) => entry[1] !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`);
  return `{${members.join(",")}}`;
}

function signedBytes(unsigned: object): Uint8Array {
  return new TextEncoder().encode(canonical(unsigned));
}

function parse(json: string): Certificate {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new CertificateError("NOT_JSON", "expected JSON");
  }
  const certificate = value as Certificate | null;
  const fits =
    typeof certificate === "object" &&
    certificate?.format === "fleetling-wipe-certificate" &&
    certificate.version === 1 &&
    ["A", "B", "C", "D", "X"].includes(certificate.class) &&
    typeof certificate.device?.serial === "string" &&
    Array.isArray(certificate.coverage) &&
    certificate.coverage.every((region) => typeof region?.hash === "string") &&
    typeof certificate.previous === "string" &&
    hex64.test(certificate.previous);
  if (!fits) throw new CertificateError("WRONG_FORMAT", "expected a wipe certificate, version 1");
  return certificate;
}

/** The class may not say more than the proof that is inside. */
function checkClaims(certificate: Omit<Certificate, "signature">): void {
  const { class: grade, receipt, proof, method } = certificate;
  if (grade === "D" || grade === "X") {
    if (method === "None") return;
    throw new CertificateError("CLASS_OVERSTATED", `class ${grade} with method ${method}`);
  }
  if (method === "None") throw new CertificateError("WRONG_FORMAT", `class ${grade} and no method`);
  if (!receipt) throw new CertificateError("RECEIPT_MISSING", `class ${grade} without receipt`);
  checkReceipt(certificate, receipt);
  const needed = grade === "A" ? "streamed" : grade === "B" ? "seeded" : null;
  if (needed === null) return;
  if (proof?.kind !== needed || !hex64.test(String(proof.transcript))) {
    throw new CertificateError("PROOF_MISSING", `class ${grade} without a ${needed} proof`);
  }
}

function checkReceipt(
  certificate: Omit<Certificate, "signature">,
  receipt: CertificateReceipt,
): void {
  const body = readReceipt(receipt);
  if (body === null) throw new CertificateError("RECEIPT_INVALID", "the receipt does not verify");
  const { device, destination, coverage } = certificate;
  if (body.serial !== device.serial || modeNames[body.mode] !== destination) {
    const found = `${body.serial} for ${modeNames[body.mode]}`;
    throw new CertificateError("RECEIPT_OTHER_DEVICE", `the receipt is of ${found}`);
  }
  const signed = body.coverage.map(({ name, pages, hash }) => ({ name, pages, hash: toHex(hash) }));
  if (canonical(signed) !== canonical(coverage)) {
    throw new CertificateError(
      "RECEIPT_OTHER_COVERAGE",
      "the coverage differs from what the device signed",
    );
  }
}

function readReceipt(receipt: CertificateReceipt): ReceiptBody | null {
  try {
    const bytes = (text: string) => new Uint8Array(Buffer.from(String(text), "hex"));
    return openReceipt(bytes(receipt.publicKey), bytes(receipt.body), bytes(receipt.signature));
  } catch {
    return null;
  }
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
