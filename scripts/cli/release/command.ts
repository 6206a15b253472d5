import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { productIds } from "../../../firmware/protocol/host/productIds.ts";
import { ToolError } from "../keys/errors.ts";
import { progressLine } from "../keys/progress.ts";
import { readLimits } from "./limits.ts";
import { registerPublish } from "./publish.ts";
import { type ReleaseInput, releaseFile, type SignedRelease, signRelease } from "./sign.ts";

interface Flags {
  keys: string;
  out: string;
  model: string;
  vendor: string;
  sequence: string;
  floor?: string;
  name: string;
  type: string;
  notes: string;
  interpreter: string;
  trialMinutes?: string;
  batteryMv?: string;
  limit: string[];
  supportUntil?: string;
  endOfLife?: string;
  disposal?: string;
  mustPass?: boolean;
  json?: boolean;
}

const example = `
Example:
  $ fleetling build app.ts --board puckjs --out build/puckjs
  $ fleetling release sign build/puckjs --model sensor-1 --vendor example.com \\
      --sequence 7 --name 1.4.2 --type security --notes "Closes a hole." --out release.json
  Each build folder becomes one image for the class "model on board"; a leaf of the release key is
  reserved on disk before each signature. The same input again gives the same file and takes no leaf.
  --limit may be repeated; a vital outside ends the trial: --limit "batteryMv>=2100" --limit "memoryUsedPermille<=900"
  A release that leaves out --support-until, --end-of-life or --disposal is signed with a warning.
`;

/** What a release should tell its owners, by flag; left out it costs a warning. */
const told = [
  ["supportUntil", "--support-until", "until when it is supported"],
  ["endOfLife", "--end-of-life", "when its life ends"],
  ["disposal", "--disposal", "how the product is disposed of"],
] as const;

/** Adds `fleetling release sign | report | publish`. */
export function register(program: Command): void {
  const release = program.command("release").description("Sign and publish releases");
  registerPublish(release);
  release
    .command("sign")
    .description("Sign the images of one or more build folders as one release")
    .argument("<builds...>", "folders that fleetling build wrote")
    .requiredOption("--model <model>", "product model, as in the birth records")
    .requiredOption("--vendor <domain>", "vendor domain, as in the birth records")
    .requiredOption("--sequence <n>", "number of the release; higher than every one before")
    .requiredOption("--name <version>", "version as people say it")
    .option("--floor <n>", "least sequence that may run once this is confirmed", "0")
    .requiredOption("--type <type>", "security, fix or feature")
    .requiredOption("--notes <text>", "what changes for the owner, in words")
    .option("--interpreter <min..max>", "interpreter versions", "2v25..2v29")
    .option("--trial-minutes <n>", "uptime a trial has")
    .option("--battery-mv <n>", "least battery voltage")
    .option(
      "--limit <limit>",
      'vital that a trial has to keep: "NAME>=N" or "NAME<=N"; may be repeated',
      (text: string, before: string[]) => [...before, text],
      [],
    )
    .option("--support-until <date>", "ISO date")
    .option("--end-of-life <date>", "ISO date")
    .option("--disposal <text>", "how to dispose of the product")
    .option("--must-pass", "devices below it confirm it before anything higher")
    .option("--keys <dir>", "key folder", "keys")
    .option("-o, --out <file>", "result", "release.json")
    .option("--json", "print the summary as JSON")
    .addHelpText("after", example)
    .action((builds: string[], flags: Flags) => {
      const input = releaseInput(builds, flags);
      const signed = signRelease({ ...input, onProgress: progressLine("release key") });
      writeFileSync(flags.out, `${JSON.stringify(releaseFile(input, signed), null, 1)}\n`);
      const warnings = warningsOf(flags, signed);
      if (!flags.json)
        process.stderr.write(warnings.map((warning) => `Warning: ${warning}\n`).join(""));
      const summary = flags.json
        ? summaryJson(flags, signed, warnings)
        : summaryText(flags, signed);
      process.stdout.write(summary);
    });
}

/** Reads build folders and flags. @throws ToolError RELEASE_INPUT */
export function releaseInput(builds: string[], flags: Flags): ReleaseInput {
  const interpreter = flags.interpreter.split("..");
  if (interpreter.length !== 2) {
    throw inputError("--interpreter", "two versions like 2v25..2v29", flags.interpreter);
  }
  if (!["security", "fix", "feature"].includes(flags.type)) {
    throw inputError("--type", "security, fix or feature", flags.type);
  }
  if (flags.notes.trim() === "") {
    throw inputError("--notes", "what changes for the owner, in words", "nothing");
  }
  const optional = (name: string, text: string | undefined) =>
    text === undefined ? undefined : integer(name, text);
  return {
    keysDir: flags.keys,
    images: builds.map((dir) => readBuild(dir, flags)),
    sequence: integer("--sequence", flags.sequence),
    floor: integer("--floor", flags.floor ?? "0"),
    interpreter: [interpreter[0]!, interpreter[1]!],
    version: flags.name,
    type: flags.type as ReleaseInput["type"],
    notes: flags.notes,
    supportUntil: flags.supportUntil,
    endOfLife: flags.endOfLife,
    disposal: flags.disposal,
    mustPass: flags.mustPass,
    trialMinutes: optional("--trial-minutes", flags.trialMinutes),
    batteryMinMv: optional("--battery-mv", flags.batteryMv),
    limits: readLimits(flags.limit),
  };
}

function readBuild(dir: string, flags: Flags): ReleaseInput["images"][number] {
  const report = join(dir, "build.json");
  const image = join(dir, "image.js");
  if (!existsSync(report) || !existsSync(image)) {
    throw inputError(dir, "build.json and image.js", "no such files");
  }
  const { board, settings } = JSON.parse(readFileSync(report, "utf8"));
  const id = typeof board === "string" ? board : board?.id;
  if (typeof id !== "string") throw inputError(report, "the board's id", "none");
  return {
    board: id,
    settings,
    ...productIds(flags.vendor, flags.model, id),
    text: new Uint8Array(readFileSync(image)),
  };
}

function integer(name: string, text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw inputError(name, "a whole number", text);
  return Number(text);
}

function warningsOf(flags: Flags, signed: SignedRelease): string[] {
  const missing = told
    .filter(([name]) => !flags[name])
    .map(([, flag, what]) => `the release does not say ${what}: give ${flag}`);
  return signed.warning === null ? missing : [signed.warning, ...missing];
}

function summaryJson(flags: Flags, signed: SignedRelease, warnings: string[]): string {
  const images = signed.images.map(({ board, classId, digest, envelope, payload, leaf }) => ({
    ...{ board, classId, digest, leaf },
    envelopeBytes: envelope.length,
    payloadBytes: payload.length,
  }));
  const { leavesLeft } = signed;
  return `${JSON.stringify({ out: flags.out, images, leavesLeft, warnings })}\n`;
}

function summaryText(flags: Flags, signed: SignedRelease): string {
  const lines = signed.images.map(
    ({ board, digest, envelope, payload, leaf }) =>
      `${board}: ${payload.length} B, envelope ${envelope.length} B, leaf ${leaf}, ${digest.slice(0, 16)}`,
  );
  lines.push(`written to ${flags.out}; ${signed.leavesLeft} leaves left`, "");
  return lines.join("\n");
}

function inputError(object: string, expected: string, found: string): ToolError {
  const next = "See fleetling release sign --help.";
  return new ToolError("RELEASE_INPUT", { object, expected, found, next });
}
