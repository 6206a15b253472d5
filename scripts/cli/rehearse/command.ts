import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Command } from "commander";
import { boards } from "../../../boards/index.ts";
import { readPolicyFile } from "../../../cloud-agent/core/rollout/policy/file.ts";
import { type Planted, plantedHelp, readPlanted, usualFaults } from "../../rehearse/faults.ts";
import { rehearsalPage } from "../../rehearse/page.ts";
import { rehearse } from "../../rehearse/play.ts";
import { type RehearsedRelease, readReleaseFile } from "../../rehearse/releaseFile.ts";
import { reportText } from "../../rehearse/report.ts";
import { ToolError } from "../keys/errors.ts";

interface Flags {
  release: string;
  from?: string;
  policy: string;
  devices: string;
  days: string;
  past: string;
  checkIn: string;
  seed: string;
  plant: string[];
  sleepers?: string;
  away?: string;
  loss?: string;
  poor?: string;
  powerCuts?: string;
  driftPpm?: string;
  weak?: string;
  outages?: string;
  vanish?: string;
  out?: string;
  html?: string;
  json?: boolean;
}

const example = `
Examples:
  $ fleetling rehearse --release release.json --policy careful.yaml --devices 10000 --days 7
  $ fleetling rehearse --release release.json --from running.json --policy careful.yaml --html rehearsal.html
  $ fleetling rehearse --release release.json --policy careful.yaml --plant drain=2 --json
  $ fleetling rehearse --release release.json --policy careful.yaml --out rehearsal.json
The fleet, its firmware and the agent are the real ones; time is virtual. Same input and seed, same report.
--from is the release that runs now: patches can then be counted. Without it the old image has the size of the new one.
Defects to plant, to see whether the policy catches them (may be repeated):
${plantedHelp.map((line) => `  ${line}`).join("\n")}
Ends with 0 when the rollout is done or runs on without a halt, with 3 when it halted or devices are stranded.
`;

/** Exit code of a rehearsal that found something: scripts tell it from a mistake of their own. */
const foundExit = 3;

/** Adds `fleetling rehearse`. */
export function register(program: Command): void {
  program
    .command("rehearse")
    .description("Play a rollout before it happens, with a fleet in virtual time")
    .requiredOption("--release <file>", "release to bring out")
    .option("--from <file>", "release that runs now")
    .requiredOption("--policy <file>", "rollout policy, YAML")
    .option("--devices <n>", "devices of the fleet, over all boards of the release", "10000")
    .option("--days <n>", "days to play", "7")
    .option("--past <n>", "days of these before the rollout starts, to compare with", "1")
    .option("--check-in <seconds>", "pause between check-ins", "3600")
    .option("--seed <n>", "what chance is drawn from", "1")
    .option(
      "--plant <defect>",
      "a defect of the new release; may be repeated",
      (text: string, before: string[]) => [...before, text],
      [],
    )
    .option("--sleepers <share>", `devices that sleep for hours (${usualFaults.sleepers})`)
    .option("--away <share>", `devices that are away at the begin (${usualFaults.away})`)
    .option("--loss <share>", `messages lost on the air (${usualFaults.loss})`)
    .option("--poor <share>", `devices in places with bad reception (${usualFaults.poorShare})`)
    .option("--power-cuts <n>", `per device and day (${usualFaults.powerCuts})`)
    .option("--drift-ppm <n>", `error of a device's clock (${usualFaults.driftPpm})`)
    .option("--weak <share>", `cells that are nearly empty (${usualFaults.weak})`)
    .option("--outages <n>", `of a whole site, per day (${usualFaults.outages})`)
    .option("--vanish <share>", `devices a day that are gone for good (${usualFaults.vanish})`)
    .option("-o, --out <file>", "also write the report, as fleetling release publish takes it")
    .option("--html <file>", "also write a page with plots")
    .option("--json", "print the report as JSON")
    .addHelpText("after", example)
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  const release = readRelease(flags.release);
  const from = flags.from === undefined ? undefined : readRelease(flags.from);
  if (from !== undefined && from.record.sequence >= release.record.sequence) {
    const expected = `a sequence below ${release.record.sequence}`;
    throw inputError(flags.from!, expected, String(from.record.sequence));
  }
  const policy = readPolicy(flags.policy, release);
  const days = number("--days", flags.days, 0.1, 400);
  const pastDays = number("--past", flags.past, 0, days);
  const plan = {
    ...{ release, from, policy, days, pastDays },
    devices: number("--devices", flags.devices, 1, 200_000, true),
    checkInS: number("--check-in", flags.checkIn, 10, 86_400, true),
    seed: number("--seed", flags.seed, 0, 0xffff_ffff, true),
    faults: readFaults(flags),
    planted: readAllPlanted(flags.plant),
  };
  const report = await rehearse(plan, process.stderr.isTTY ? progress : undefined);
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
  if (flags.out !== undefined) writeFileSync(flags.out, `${JSON.stringify(report, null, 1)}\n`);
  if (flags.html !== undefined) writeFileSync(flags.html, rehearsalPage(report));
  process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : reportText(report));
  if (!report.passed) process.exitCode = foundExit;
}

function progress(share: number): void {
  process.stderr.write(`\rrehearsing ${String(Math.floor(share * 100)).padStart(3)} %`);
}

function readRelease(path: string): RehearsedRelease {
  const release = readReleaseFile(path);
  for (const { record } of release.images) {
    if (Object.hasOwn(boards, record.board)) continue;
    throw inputError(path, `images for ${Object.keys(boards).join(", ")}`, record.board);
  }
  return release;
}

/** The target is the rehearsed fleet, whatever the policy says of models and serials. */
function readPolicy(path: string, release: RehearsedRelease): Record<string, unknown> {
  if (!existsSync(path)) throw inputError(path, "a policy file", "no such file");
  return {
    ...readPolicyFile(readFileSync(path, "utf8"), path),
    author: "rehearsal",
    sequence: release.record.sequence,
    target: { models: ["rehearsed"] },
  };
}

function readFaults(flags: Flags): typeof usualFaults {
  const share = (name: string, text: string | undefined, usual: number, most = 1) =>
    text === undefined ? usual : number(name, text, 0, most);
  return {
    sleepers: share("--sleepers", flags.sleepers, usualFaults.sleepers),
    away: share("--away", flags.away, usualFaults.away),
    loss: share("--loss", flags.loss, usualFaults.loss, 0.95),
    poorShare: share("--poor", flags.poor, usualFaults.poorShare),
    powerCuts: share("--power-cuts", flags.powerCuts, usualFaults.powerCuts, 1000),
    driftPpm: share("--drift-ppm", flags.driftPpm, usualFaults.driftPpm, 100_000),
    weak: share("--weak", flags.weak, usualFaults.weak),
    outages: share("--outages", flags.outages, usualFaults.outages, 100),
    vanish: share("--vanish", flags.vanish, usualFaults.vanish),
  };
}

function readAllPlanted(texts: string[]): Planted {
  let all: Planted = {};
  for (const text of texts) {
    const one = readPlanted(text);
    if (one === null) {
      const known = plantedHelp.map((line) => line.split(" ")[0]).join(", ");
      throw inputError("--plant", `one of ${known}`, text);
    }
    all = { ...all, ...one };
  }
  return all;
}

function number(name: string, text: string, least: number, most: number, isWhole = false): number {
  const value = Number(text);
  const isGood = text.trim() !== "" && value >= least && value <= most;
  if (isGood && (!isWhole || Number.isInteger(value))) return value;
  throw inputError(name, `${isWhole ? "a whole number" : "a number"} of ${least} to ${most}`, text);
}

function inputError(object: string, expected: string, found: string, cause?: unknown): ToolError {
  const next = "See fleetling rehearse --help.";
  return new ToolError("REHEARSE_INPUT", { object, expected, found, next, cause });
}
