/** `fleetling release report | publish`: what speaks for a release goes to the agent before the release does. */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import type { Command } from "commander";
import { ApiError, type ApiFlags, callApi, show, withApiFlags } from "../api/client.ts";

interface ReleaseFile {
  sequence: number;
  images: { board: string; digest: string }[];
}
interface Report {
  digest: string;
  kind: string;
  summary: string;
}
interface ReportFlags {
  summary: string;
  failed?: boolean;
  attach: string[];
  out: string;
}

const kinds = ["rehearsal", "tests"] as const;

const example = `
Example:
  $ fleetling release report tests release.json --summary "412 tests on two boards" \\
      --attach junit.xml --out tests.json
  $ fleetling release publish release.json --rehearsal rehearsal.json --tests tests.json
  A report names the digests of the release's images, so it speaks for these and no others. The agent
  refuses a release without both, unless it was started with FLEETLING_RELEASE_GATE=open.
`;

/** Adds the two commands to `fleetling release`. */
export function registerPublish(release: Command): void {
  release
    .command("report")
    .description(
      "Write the report that speaks for a release file: what was tested, and how it went",
    )
    .argument("<kind>", "tests or rehearsal")
    .argument("<file>", "release.json of fleetling release sign")
    .requiredOption("--summary <text>", "one or two sentences with the figures")
    .option("--failed", "it did not pass")
    .option(
      "--attach <file>",
      "file whose name and SHA-256 the report keeps; may be repeated",
      (file: string, before: string[]) => [...before, file],
      [],
    )
    .option("-o, --out <file>", "result", "report.json")
    .addHelpText("after", example)
    .action((kind: string, file: string, flags: ReportFlags) => {
      if (!kinds.some((one) => one === kind)) {
        throw invalid("FLAG_INVALID", "kind", "tests or rehearsal", kind);
      }
      const { sequence, images } = readRelease(file);
      const report = {
        ...{ kind, sequence, images: images.map(({ digest }) => digest) },
        ...{ passed: flags.failed !== true, summary: flags.summary },
        attached: flags.attach.map((name) => ({ name, sha256: sha256(read(name)) })),
      };
      const text = `${JSON.stringify(report, null, 1)}\n`;
      writeFileSync(flags.out, text);
      const outcome = report.passed ? "passed" : "failed";
      const digest = sha256(Buffer.from(text));
      process.stdout.write(
        `${flags.out}: ${kind} of release ${sequence}, ${outcome}, ${images.length} images, digest ${digest}\n`,
      );
    });
  withApiFlags(release.command("publish"))
    .description("Send a release file and the reports that speak for it to the agent")
    .argument("<file>", "release.json of fleetling release sign")
    .option("--rehearsal <file>", "report of its rehearsal")
    .option("--tests <file>", "report of its tests")
    .addHelpText("after", example)
    .action(async (file: string, flags: ApiFlags & { rehearsal?: string; tests?: string }) => {
      const body = readRelease(file);
      const evidence: Record<string, { digest: string; summary: string }> = {};
      for (const kind of kinds) {
        const name = flags[kind];
        if (name === undefined) continue;
        const report = read(name).toString("base64");
        const { digest, summary } = await callApi<Report>(flags, "POST", "/v1/reports", { report });
        evidence[kind] = { digest, summary };
      }
      const hasEvidence = Object.keys(evidence).length > 0;
      const made = await callApi<{ sequence: number; version: string; type: string }>(
        ...([flags, "POST", "/v1/releases"] as const),
        hasEvidence ? { ...body, evidence } : body,
      );
      const told = Object.entries(evidence).map(([kind, { summary }]) => `${kind}: ${summary}`);
      show(flags, made, [
        `release ${made.sequence} (${made.version}, ${made.type}) published`,
        ...told,
      ]);
    });
}

function readRelease(file: string): ReleaseFile {
  let release: ReleaseFile;
  try {
    release = JSON.parse(read(file).toString("utf8"));
  } catch (cause) {
    if (cause instanceof ApiError) throw cause;
    throw invalid("FILE_INVALID", file, "a release file, JSON", (cause as Error).message);
  }
  const isRelease =
    Number.isInteger(release?.sequence) &&
    Array.isArray(release.images) &&
    release.images.every((image) => /^[0-9a-f]{64}$/.test(image?.digest));
  if (!isRelease)
    throw invalid("FILE_INVALID", file, "a release file with sequence and images", "none");
  return release;
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw invalid("FILE_INVALID", file, "a file", (cause as Error).message);
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function invalid(code: string, what: string, expected: string, found: string): ApiError {
  return new ApiError(code, `${code}: ${what}: expected ${expected}, got: ${found}. See --help.`);
}
