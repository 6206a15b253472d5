/** The printable page of a wipe certificate. */
import type { Certificate, CertificateClass } from "./certificate.ts";

/** What each class means, for people. */
export const classTexts: Record<CertificateClass, string> = {
  A: "Erasure proven by streamed challenge over the whole region",
  B: "Erasure proven by seeded fill and blank hash",
  C: "Erasure reported by the device under its receipt key; not measured from outside",
  D: "Keys destroyed in the cloud; erasure on the device not proven",
  X: "Contradiction: the device's report and the record do not agree",
};

/** Renders one page of HTML without scripts or outside resources. Every value is escaped. */
export function certificatePage(certificate: Certificate): string {
  const { device, person, tool } = certificate;
  const rows: [string, string][] = [
    ["Class", `${certificate.class}: ${classTexts[certificate.class]}`],
    ["Make and model", `${device.make} ${device.model} (${device.board})`],
    ["Serial number", device.serial],
    ["Media type", device.mediaType],
    ["Method", `${certificate.method} (NIST SP 800-88)`],
    ["Technique", certificate.technique],
    ["Tool", `${tool.name} ${tool.version}`],
    ["Verification", certificate.verification],
    ["Wiped at", certificate.wipedAt],
    ["Issued at", certificate.issuedAt],
    ["Billing stopped at", certificate.billingStoppedAt ?? "nothing was billed"],
    ["Destination", certificate.destination],
    [
      "Person",
      [person.name, person.role, person.organisation, person.location].filter(Boolean).join(", "),
    ],
    ["Covered", coverageText(certificate)],
    ["Not covered", [...certificate.notCovered, certificate.assumption].join(" ")],
    ["Disposal", certificate.disposal],
    ["Number in chain", String(certificate.index)],
    ["Previous certificate", certificate.previous],
    ["Agent key", certificate.agentKey],
    ["Signature", certificate.signature],
  ];
  const body = rows.map(
    ([name, value]) => `<tr><th>${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`,
  );
  return [
    '<!doctype html><html lang="en"><meta charset="utf-8">',
    `<title>Wipe certificate ${escapeHtml(device.serial)}</title>`,
    "<style>body{font:11pt sans-serif;margin:2cm;max-width:17cm}th{text-align:left;vertical-align:top;",
    "padding-right:1em;white-space:nowrap}td{overflow-wrap:anywhere}@page{size:A4}</style>",
    `<h1>Certificate of sanitisation</h1><table>${body.join("")}</table>`,
    "<p>Check this certificate offline: <code>fleetling verify-wipe certificate.json --agent-key KEY</code></p>",
    "</html>",
  ].join("\n");
}

function coverageText(certificate: Certificate): string {
  if (certificate.coverage.length === 0) return "nothing was read back";
  return certificate.coverage
    .map(({ name, pages, hash }) => `${name}: ${pages} pages, ${hash}`)
    .join("; ");
}

function escapeHtml(text: string): string {
  const entities: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
  };
  return String(text).replace(/[&<>"]/g, (character) => entities[character]!);
}
