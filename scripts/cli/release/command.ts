import { createHash } from "node:crypto";
import type { Command } from "commander";
import { namesPath } from "../build/keptNames.ts";
import { progressLine } from "../keys/progress.ts";
import { readKeySets } from "../keys/store.ts";
import { registerAdd } from "./addCommands.ts";
import { type BuildFolder, readBuildFolder } from "./buildFolder.ts";
import { type CheckReport, checkUpdatable } from "./check/check.ts";
import { appendDecision } from "./decisions.ts";
import { writeReleaseFile } from "./file.ts";
import { type Flags, releaseInput, ticketWish } from "./input.ts";
import { registerPublish } from "./publish.ts";
import { type ReleaseInput, releaseFile, type SignedRelease, signRelease } from "./sign.ts";
import { type Signed, signaturesOf, signedWords } from "./signatures.ts";
import { addTicket, checkTicket } from "./ticket.ts";

const example = `
Example:
  $ fleetling build app.ts --board puckjs --out build/puckjs
  $ fleetling release sign build/puckjs --model sensor-1 --vendor example.com \\
      --sequence 7 --name 1.4.2 --type security --notes "Closes a hole." --out release.json
  Each build folder becomes one image for the class "model on board"; a leaf of the release key is
  reserved on disk before each signature. The same input again gives the same file and takes no leaf.
  Before anything is signed, each image runs on a simulated board and has to take and confirm a release
  after it; one that blocks, eats memory or never checks in is refused. --skip-check REASON --person NAME
  signs it all the same, and is logged.
  Names that the next build keeps go into the folder names/ beside the file: keep both together.
  --limit may be repeated; a vital outside ends the trial: --limit "batteryMv>=2100" --limit "memoryUsedPermille<=900"
  --confirmed-by field: a person at the device has to vouch for it (a button of the app's, or
  POST /v1/devices/SERIAL/confirm) before its --trial-minutes are over, or it is taken back.
  A release that leaves out --support-until, --end-of-life or --disposal is signed with a warning.
  Where the key set asks for more than one signature, others add theirs: fleetling release add-signature

  $ fleetling release sign build/puckjs ... --sequence 7 --downgrade-from 9 \\
      --person "Ann" --reason "9 drains batteries; 7 is the last good one."
  Puts a downgrade ticket beside the release: devices whose floor is 9 go back to it, no others.
  To a release that is signed already: fleetling release ticket
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
    .option("--confirmed-by <who>", "agent or field: who vouches for it on trial", "agent")
    .option("--support-until <date>", "ISO date")
    .option("--end-of-life <date>", "ISO date")
    .option("--disposal <text>", "how to dispose of the product")
    .option("--must-pass", "devices below it confirm it before anything higher")
    .option("--downgrade-from <floor>", "also sign a ticket for devices of this floor to go back")
    .option("--reason <text>", "why there is a ticket")
    .option("--skip-check <reason>", "sign without trying an update on a simulated board, and why")
    .option("--person <name>", "who decided on ticket or skipped check")
    .option("--keys <dir>", "key folder", "keys")
    .option("-o, --out <file>", "result", "release.json")
    .option("--json", "print the summary as JSON")
    .addHelpText("after", example)
    .action(async (builds: string[], flags: Flags) => {
      const folders = builds.map(readBuildFolder);
      const onProgress = progressLine("release key");
      const input = { ...releaseInput(folders, flags), onProgress };
      const wish = ticketWish(flags);
      if (wish) checkTicket(input.floor, wish);
      const checks = await checksOf(folders, input, flags);
      const signed = signRelease(input);
      const plain = releaseFile(input, signed);
      const { keysDir } = input;
      const file = wish ? addTicket(plain, { keysDir, wish, onProgress }).file : plain;
      writeReleaseFile(flags.out, file, namesBeside(input));
      const signatures = signaturesOf(file, readKeySets(keysDir));
      const warnings = warningsOf(flags, input, signed);
      if (!flags.json)
        process.stderr.write(warnings.map((warning) => `Warning: ${warning}\n`).join(""));
      const summary = flags.json
        ? summaryJson(flags, signed, { checks, warnings, signatures })
        : checkLines(checks) + summaryText(flags, signed, signatures);
      process.stdout.write(summary);
    });
  registerAdd(release);
}

/** Tries an update of each image on a simulated board, or logs who wanted none. @throws ToolError RELEASE_CHECK */
async function checksOf(
  folders: BuildFolder[],
  input: ReleaseInput,
  flags: Flags,
): Promise<CheckReport[]> {
  const { sequence, unchecked, keysDir, trialMinutes } = input;
  // A folder that is no key folder gets no log, and nobody waits for a check before hearing of it.
  readKeySets(keysDir);
  if (unchecked) {
    const digests = folders.map(({ text }) => createHash("sha256").update(text).digest("hex"));
    appendDecision(keysDir, { kind: "checkSkipped", sequence, ...unchecked, digests });
    return [];
  }
  const reports: CheckReport[] = [];
  for (const folder of folders) {
    if (!flags.json && process.stderr.isTTY)
      process.stderr.write(
        `trying an update of ${folder.dir} on a simulated ${folder.board} ...\n`,
      );
    reports.push(await checkUpdatable(folder, trialMinutes));
  }
  return reports;
}

function checkLines(reports: CheckReport[]): string {
  return reports
    .map(({ board, seen, seconds }) => `${board}: ${seen} (tried in ${seconds.toFixed(1)} s)\n`)
    .join("");
}

/** Names of the builds, for the next one, by their paths from the release file. */
function namesBeside({ images }: ReleaseInput): Record<string, string> {
  const named = images.flatMap(({ board, names }) => (names ? [{ board, ...names }] : []));
  return Object.fromEntries(
    named.map(({ board, digest, text }) => [namesPath(board, digest), text]),
  );
}

function warningsOf(flags: Flags, input: ReleaseInput, signed: SignedRelease): string[] {
  const missing = told
    .filter(([name]) => !flags[name])
    .map(([, flag, what]) => `the release does not say ${what}: give ${flag}`);
  const nameless = input.images
    .filter(({ names }) => !names)
    .map(({ board }) => `the build for ${board} has no names.json: the next update will be large`);
  const first = signed.warning === null ? [] : [signed.warning];
  return [...first, ...nameless, ...missing];
}

function summaryJson(
  flags: Flags,
  signed: SignedRelease,
  told: { checks: CheckReport[]; warnings: string[]; signatures: Signed },
): string {
  const images = signed.images.map(({ board, classId, digest, envelope, payload, leaf }) => ({
    ...{ board, classId, digest, leaf },
    envelopeBytes: envelope.length,
    payloadBytes: payload.length,
  }));
  const { leavesLeft } = signed;
  return `${JSON.stringify({ out: flags.out, images, leavesLeft, ...told })}\n`;
}

function summaryText(flags: Flags, signed: SignedRelease, signatures: Signed): string {
  const lines = signed.images.map(
    ({ board, digest, envelope, payload, leaf }) =>
      `${board}: ${payload.length} B, envelope ${envelope.length} B, leaf ${leaf}, ${digest.slice(0, 16)}`,
  );
  lines.push(signedWords(signatures));
  if (flags.downgradeFrom !== undefined)
    lines.push(`with a downgrade ticket for devices of floor ${flags.downgradeFrom}`);
  lines.push(`written to ${flags.out}; ${signed.leavesLeft} leaves left`, "");
  return lines.join("\n");
}
