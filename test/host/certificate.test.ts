import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { describe, expect, test, vi } from "vitest";
import {
  type CertificateInput,
  canonical,
  certificateHash,
  firstPrevious,
  signCertificate,
  verifyCertificate,
  verifyChain,
} from "../../firmware/protocol/host/certificate.ts";
import { certificatePage } from "../../firmware/protocol/host/certificatePage.ts";
import { ed25519Pair, ed25519Sign } from "../../firmware/protocol/host/ed25519.ts";
import {
  encodeReceiptBody,
  receiptPublic,
  signReceipt,
} from "../../firmware/protocol/host/receipt.ts";
import { register } from "../../scripts/cli/verify-wipe/command.ts";
import { hex } from "./support.ts";

const identifier = new Uint8Array(16).fill(1);
const seed = new Uint8Array(24).fill(2);
const body = encodeReceiptBody({
  ...{ serial: "FL-0001", orderId: 77, mode: 3, nonce: new Uint8Array(16), epoch: 2 },
  ...{ bootCount: 41, timeS: 1_790_000_000 },
  coverage: [{ name: "slotA", pages: 2, hash: new Uint8Array(8).fill(5) }],
});
const receipt = {
  publicKey: hex(receiptPublic(identifier, seed)),
  body: hex(body),
  signature: hex(signReceipt(identifier, seed, body)),
};
const pair = ed25519Pair(new Uint8Array(32).fill(7));
const signer = { publicKey: pair.publicKey, sign: (m: Uint8Array) => ed25519Sign(pair.seed, m) };
const input: CertificateInput = {
  class: "C",
  device: {
    ...{ make: "example.com", model: "sensor-1", serial: "FL-0001", board: "puckjs" },
    mediaType: "NOR flash in the microcontroller",
  },
  method: "Clear",
  technique: "Secrets zeroed in place, pages erased and read back",
  tool: { name: "fleetling", version: "0.1.0" },
  verification: "Receipt signed by the device's one-time key",
  person: { name: "R. Ober", role: "operator" },
  wipedAt: "2026-09-21T10:13:20.000Z",
  issuedAt: "2026-09-21T10:14:00.000Z",
  billingStoppedAt: "2026-09-21T10:00:00.000Z",
  destination: "scrap",
  coverage: [{ name: "slotA", pages: 2, hash: "0505050505050505" }],
  notCovered: ["Interpreter and bootloader."],
  disposal: "Collection point <electronics>.",
  receipt,
  proof: null,
  index: 0,
  previous: firstPrevious,
};
const json = signCertificate(input, signer);
const proof = (kind: "streamed" | "seeded") => ({ kind, transcript: "ab".repeat(32) });
const refusal = (code: string) => expect.objectContaining({ code });

describe("wipe certificate", () => {
  test("a class C certificate over a verified receipt is signed and verifies offline", () => {
    expect(verifyCertificate(json, pair.publicKey)).toMatchObject({ ...input, version: 1 });
    expect(canonical(JSON.parse(json))).toBe(json);
  });

  test("classes A and B are signed with their own kind of proof", () => {
    for (const [grade, kind] of [
      ["A", "streamed"],
      ["B", "seeded"],
    ] as const) {
      const text = signCertificate({ ...input, class: grade, proof: proof(kind) }, signer);
      expect(verifyCertificate(text, pair.publicKey).class).toBe(grade);
    }
  });

  test("classes D and X are signed without receipt, and say that no method was applied", () => {
    for (const grade of ["D", "X"] as const) {
      const none: CertificateInput = { ...input, class: grade, method: "None", receipt: null };
      const text = signCertificate({ ...none, coverage: [] }, signer);
      expect(verifyCertificate(text, pair.publicKey).class).toBe(grade);
      expect(() => signCertificate({ ...none, method: "Clear" }, signer)).toThrow(
        refusal("CLASS_OVERSTATED"),
      );
    }
  });

  test.each<[string, Partial<CertificateInput>, string]>([
    [
      "A without receipt",
      { class: "A", receipt: null, proof: proof("streamed") },
      "RECEIPT_MISSING",
    ],
    ["B without receipt", { class: "B", receipt: null, proof: proof("seeded") }, "RECEIPT_MISSING"],
    ["C without receipt", { receipt: null }, "RECEIPT_MISSING"],
    ["A without proof", { class: "A" }, "PROOF_MISSING"],
    ["A with the proof of B", { class: "A", proof: proof("seeded") }, "PROOF_MISSING"],
    ["B without proof", { class: "B" }, "PROOF_MISSING"],
    ["C with a forged receipt", { receipt: { ...receipt, signature: "00" } }, "RECEIPT_INVALID"],
    ["C with broken hex", { receipt: { ...receipt, body: "zz" } }, "RECEIPT_INVALID"],
    ["another serial", { device: { ...input.device, serial: "FL-2" } }, "RECEIPT_OTHER_DEVICE"],
    ["another destination", { destination: "resale" }, "RECEIPT_OTHER_DEVICE"],
    ["more coverage than signed", { coverage: [] }, "RECEIPT_OTHER_COVERAGE"],
    ["no method", { method: "None" }, "WRONG_FORMAT"],
  ])("the signer refuses %s", (_name, change, code) => {
    expect(() => signCertificate({ ...input, ...change }, signer)).toThrow(refusal(code));
  });

  test.each<[string, (text: string) => string, string]>([
    ["another class", (text) => text.replace('"class":"C"', '"class":"A"'), "SIGNATURE"],
    ["another serial", (text) => text.replaceAll("FL-0001", "FL-0002"), "SIGNATURE"],
    ["a member more", (text) => text.replace("{", '{"a":1,'), "SIGNATURE"],
    ["no signature", (text) => text.replace(/"signature":"[0-9a-f]{128}"/, '"s":1'), "SIGNATURE"],
    ["cut", (text) => text.slice(0, -1), "NOT_JSON"],
    ["another format", () => "{}", "WRONG_FORMAT"],
    ["null", () => "null", "WRONG_FORMAT"],
    ["another agent key", (text) => text.replace(/"agentKey":"../, '"agentKey":"00'), "WRONG_KEY"],
  ])("the verifier refuses a certificate with %s", (_name, change, code) => {
    expect(() => verifyCertificate(change(json), pair.publicKey)).toThrow(refusal(code));
  });

  test("an agent that signs past its own check is refused by the verifier", () => {
    const { signature: _signature, ...unsigned } = JSON.parse(json);
    const forged = { ...unsigned, class: "A" };
    const signature = hex(signer.sign(new TextEncoder().encode(canonical(forged))));
    const text = canonical({ ...forged, signature });
    expect(() => verifyCertificate(text, pair.publicKey)).toThrow(refusal("PROOF_MISSING"));
  });

  test("a list is a chain: a certificate left out or put first is noticed", () => {
    const second = signCertificate({ ...input, index: 1, previous: certificateHash(json) }, signer);
    expect(verifyChain([json, second], pair.publicKey)).toHaveLength(2);
    expect(() => verifyChain([second], pair.publicKey)).toThrow(refusal("CHAIN"));
    expect(() => verifyChain([json, json], pair.publicKey)).toThrow(refusal("CHAIN"));
  });

  test("the printable page escapes what it shows and names class and assumption", () => {
    const page = certificatePage(verifyCertificate(json, pair.publicKey));
    expect(page).toContain("Collection point &lt;electronics&gt;.");
    expect(page).toContain("C: Erasure reported by the device");
    expect(page).toContain("Assumes that the device ran the genuine interpreter");
    expect(page).not.toContain("<script");
  });
});

describe("fleetling verify-wipe", () => {
  const run = async (...words: string[]) => {
    let output = "";
    const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      output += text;
      return true;
    });
    try {
      const program = new Command().exitOverride();
      register(program);
      await program.parseAsync(["verify-wipe", ...words], { from: "user" });
    } finally {
      write.mockRestore();
    }
    return output;
  };

  test("it tells class and signer, writes the page, and refuses a changed file", async () => {
    const directory = mkdtempSync(join(tmpdir(), "certificate-"));
    const path = join(directory, "c.json");
    writeFileSync(path, `${json}\n`);
    const key = hex(pair.publicKey);
    const page = join(directory, "c.html");
    expect(await run(path, "--agent-key", key, "--html", page)).toMatch(
      /^valid: example.com sensor-1, serial FL-0001, .*\nclass C: .*\n.*\nSigned by the agent key/,
    );
    expect(readFileSync(page, "utf8")).toContain("Certificate of sanitisation");
    expect(JSON.parse(await run(path, "--json"))).toMatchObject({
      valid: false,
      unchanged: true,
    });
    expect(await run(path)).toMatch(/^unchanged: .*compare this key with the agent's/s);
    await expect(run(path, "--agent-key", "00".repeat(32))).rejects.toThrow(/WRONG_KEY/);
    await expect(run(path, "--agent-key", "00")).rejects.toThrow(/^CERTIFICATE_INPUT/);
    await expect(run(join(directory, "no.json"))).rejects.toThrow(/^CERTIFICATE_INPUT/);
    writeFileSync(path, json.replace("sensor-1", "sensor-2"));
    await expect(run(path)).rejects.toThrow(/^CERTIFICATE_INVALID/);
    writeFileSync(path, "no");
    await expect(run(path)).rejects.toThrow(/NOT_JSON/);
    rmSync(directory, { recursive: true });
  });
});
