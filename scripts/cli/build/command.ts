import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { boards } from "../../../boards/index.ts";
import { boardById } from "./boardFields.ts";
import { BuildError } from "./errors.ts";
import { buildFirmware, type Firmware, type SizeRow } from "./firmware.ts";
import { namesDigest, previousNames } from "./keptNames.ts";

interface Flags {
  board: string;
  out: string;
  json?: boolean;
  pretokenise?: boolean;
  overBudget?: boolean;
  previous?: string;
  newNames?: boolean;
}

const example = `
Example:
  $ fleetling build app.ts --board puckjs --out build
  Writes build/image.js, page0.js, core.js, boot0.js, names.json and build.json.
  Where release.json, which fleetling release sign wrote, lies in this folder, its names are kept: devices then patch
  what they run, and the image speaks with the core that they were made with.
  $ fleetling build app.ts --board puckjs --out build-2 --previous releases/release-7.json
  $ fleetling build app.ts --board puckjs --out build-2 --previous build
  Keeps the names of another release, or of a build folder. --new-names gives all names anew: for new products only.
  Steps whose inputs did not change are taken from node_modules/.cache/fleetling; FLEETLING_BUILD_CACHE names another
  folder, or "off".

A smallest app:
  export const regions = [];
  export function start(device) { setInterval(() => device.metric("tick", 1), 60000); }
`;

/** Adds `fleetling build`. */
export function register(program: Command): void {
  program
    .command("build")
    .description("Build an app, the framework and the core into the texts that a board runs")
    .argument("<app>", "TypeScript module of the app")
    .requiredOption("-b, --board <id>", `board: ${Object.keys(boards).join(", ")}`)
    .requiredOption("-o, --out <dir>", "folder for the results; made when missing")
    .option("--pretokenise", "pack into interpreter tokens: a sixth smaller, one token table only")
    .option("--previous <path>", "release file or build folder of the release before: names stay")
    .option("--new-names", "give all names anew, though there is a release before")
    .option("--over-budget", "build even when a piece is larger than the board's budget")
    .option("--json", "print the sizes as JSON")
    .addHelpText("after", example)
    .action(async (app: string, flags: Flags) => {
      const board = boardById(flags.board);
      const { kept, note } = previousNames({ ...flags, board: board.id });
      if (note) process.stderr.write(`${kept ? "" : "Warning: "}${note}\n`);
      const firmware = await buildFirmware(board, app, {
        pretokenise: flags.pretokenise,
        overBudget: flags.overBudget ? "allow" : "refuse",
        kept: kept ?? undefined,
      });
      const report = writeFirmware(firmware, flags.out, flags.pretokenise ?? false);
      process.stdout.write(
        flags.json ? `${JSON.stringify(report)}\n` : sizeTable(firmware, flags.out),
      );
    });
}

/** Writes a build's files. Texts are written a byte per character. */
export function writeFirmware(firmware: Firmware, dir: string, pretokenised: boolean): object {
  const { core, board, digest, imageText, sizes, settings, commands } = firmware;
  const names = `${JSON.stringify(firmware.kept, null, 1)}\n`;
  const report = {
    board,
    digest,
    names: namesDigest(names),
    bytes: imageText.length,
    pretokenised,
    sizes,
    settings,
    commands,
    parts: core.parts,
  };
  const files = {
    "image.js": imageText,
    "page0.js": core.page0Text,
    "core.js": core.coreText,
    "boot0.js": core.boot0Text,
    "names.json": names,
    "build.json": `${JSON.stringify(report, null, 2)}\n`,
  };
  try {
    mkdirSync(dir, { recursive: true });
    for (const [name, text] of Object.entries(files))
      writeFileSync(join(dir, name), text, "latin1");
  } catch (cause) {
    throw new BuildError(
      {
        code: "BUILD_OUT",
        place: { file: dir },
        found: `folder for the results: expected one to write to, got ${(cause as Error).message}`,
        remedy: "Name another folder with --out, or free its place",
      },
      cause,
    );
  }
  return report;
}

/** Flash bytes of every piece against the board's budget, for people. */
export function sizeTable(firmware: Firmware, dir: string): string {
  const line = (row: SizeRow) => {
    const budget = row.budgetBytes;
    const share = budget ? `${Math.round((row.bytes * 100) / budget)} %` : "";
    const columns = [String(row.bytes).padStart(8), String(budget ?? "").padStart(8)];
    return `${row.name.padEnd(18)}${columns.join("  ")}  ${share.padStart(6)}`.trimEnd();
  };
  return [
    `${"piece".padEnd(18)}${"bytes".padStart(8)}  ${"budget".padStart(8)}  ${"used".padStart(6)}`,
    ...firmware.sizes.map(line),
    "",
    `digest ${firmware.digest}`,
    `written to ${dir}`,
    "",
  ].join("\n");
}
