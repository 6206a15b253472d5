import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Command } from "commander";
import {
  type Certificate,
  CertificateError,
  verifyCertificate,
} from "../../../firmware/protocol/host/certificate.ts";
import { certificatePage, classTexts } from "../../../firmware/protocol/host/certificatePage.ts";
import { ToolError } from "../keys/errors.ts";

interface Flags {
  agentKey?: string;
  html?: string;
  json?: boolean;
}

const example = `
Example:
  $ fleetling verify-wipe certificate.json --agent-key 3b6a…29 --html certificate.html
  Needs no network. Without --agent-key it shows only that the file is whole, not who signed it.
`;

/** Adds `fleetling verify-wipe`. */
export function register(program: Command): void {
  program
    .command("verify-wipe")
    .description("Check a wipe certificate offline")
    .argument("<certificate>", "JSON file")
    .option("--agent-key <hex>", "Ed25519 key of the agent, 64 hex digits")
    .option("--html <file>", "also write the printable page")
    .option("--json", "print the result as JSON")
    .addHelpText("after", example)
    .action((path: string, flags: Flags) => {
      const certificate = checkFile(path, flags.agentKey);
      if (flags.html !== undefined) writeFileSync(flags.html, certificatePage(certificate));
      process.stdout.write(
        flags.json ? `${JSON.stringify(summary(certificate, flags))}\n` : text(certificate, flags),
      );
    });
}

/** Reads and checks a file. @throws ToolError CERTIFICATE_INPUT, CERTIFICATE_INVALID */
export function checkFile(path: string, agentKey: string | undefined): Certificate {
  if (!existsSync(path)) throw inputError(path, "a certificate file", "no such file");
  const json = readFileSync(path, "utf8").trimEnd();
  if (agentKey !== undefined && !/^[0-9a-fA-F]{64}$/.test(agentKey)) {
    throw inputError("--agent-key", "64 hex digits", `${agentKey.length} characters`);
  }
  try {
    const key = agentKey ?? ownKey(json);
    return verifyCertificate(json, new Uint8Array(Buffer.from(key, "hex")));
  } catch (cause) {
    if (!(cause instanceof CertificateError)) throw cause;
    throw new ToolError("CERTIFICATE_INVALID", {
      object: path,
      expected: "a valid certificate",
      found: `${cause.code} (${cause.message})`,
      next: "Do not rely on it; ask its issuer for the original.",
      cause,
    });
  }
}

function ownKey(json: string): string {
  try {
    return String(JSON.parse(json).agentKey);
  } catch {
    return "";
  }
}

function summary(certificate: Certificate, flags: Flags) {
  const { device, wipedAt, agentKey } = certificate;
  return {
    // Without the agent's key from elsewhere nobody knows who signed: unchanged is not valid.
    valid: flags.agentKey !== undefined,
    unchanged: true,
    class: certificate.class,
    serial: device.serial,
    wipedAt,
    agentKey,
  };
}

function text(certificate: Certificate, flags: Flags): string {
  const { class: grade, device, wipedAt } = certificate;
  return [
    `${flags.agentKey === undefined ? "unchanged" : "valid"}: ${device.make} ${device.model}, serial ${device.serial}, wiped at ${wipedAt}`,
    `class ${grade}: ${classTexts[grade]}`,
    certificate.assumption,
    flags.agentKey === undefined
      ? `Signed by ${certificate.agentKey}: compare this key with the agent's, or give --agent-key.`
      : "Signed by the agent key that you named.",
    "",
  ].join("\n");
}

function inputError(object: string, expected: string, found: string): ToolError {
  const next = "See fleetling verify-wipe --help.";
  return new ToolError("CERTIFICATE_INPUT", { object, expected, found, next });
}
