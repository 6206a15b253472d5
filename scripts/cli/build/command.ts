import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { boards } from "../../../boards/index.ts";
import { boardById } from "./boardFields.ts";
import { BuildError } from "./errors.ts";
import { buildFirmware, type Firmware, type SizeRow } from "./firmware.ts";
import type { KeptNames } from "./text.ts";

interface Flags {
  board: string;
  out: string;
  json?: boolean;
  pretokenise?: boolean;
  overBudget?: boolean;
  previous?: string;
}

const example = `
Example:
  $ fleetling build app.ts --board puckjs --out build
  Writes build/image.js, page0.js, core.js, boot0.js, names.json and build.json.
  $ fleetling build app.ts --board puckjs --out build-2 --previous build
  Keeps the names of the release before, so that devices patch what they run. Without --previous all names are
  given anew; they must be kept where devices in the field hold a core that was built with them.

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
    .option("--previous <dir>", "build folder of the release before: its names are kept")
    .option("--over-budget", "build even when a piece is larger than the board's budget")
    .option("--json", "print the sizes as JSON")
    .addHelpText("after", example)
    .action(async (app: string, flags: Flags) => {
      const firmware = await buildFirmware(boardById(flags.board), app, {
        pretokenise: flags.pretokenise,
        overBudget: flags.overBudget ? "allow" : "refuse",
        kept: flags.previous === undefined ? undefined : readKept(flags.previous, flags),
      });
      const report = writeFirmware(firmware, flags.out, flags.pretokenise ?? false);
      process.stdout.write(
        flags.json ? `${JSON.stringify(report)}\n` : sizeTable(firmware, flags.out),
      );
    });
}

/** Names that a build folder holds. @throws BuildError BUILD_PREVIOUS */
export function readKept(dir: string, wanted: { board: string; pretokenise?: boolean }): KeptNames {
  const refuse = (found: string, cause?: unknown) =>
    new BuildError(
      {
        code: "BUILD_PREVIOUS",
        place: { file: dir },
        found,
        remedy:
          "Name the folder that fleetling build wrote for the release before, or leave it out",
      },
      cause,
    );
  let report: { board?: { id?: string } | string };
  let kept: Partial<KeptNames>;
  try {
    report = JSON.parse(readFileSync(join(dir, "build.json"), "utf8"));
    kept = JSON.parse(readFileSync(join(dir, "names.json"), "utf8"));
  } catch (cause) {
    throw refuse("previous build: expected build.json and names.json, could not read them", cause);
  }
  const { board } = report;
  const id = typeof board === "object" ? board.id : board;
  if (id !== wanted.board)
    throw refuse(`previous build: expected board ${wanted.board}, got ${id}`);
  const isMap = (value: unknown) =>
    typeof value === "object" &&
    value !== null &&
    Object.values(value).every((short) => /^[a-zA-Z]{1,3}$/.test(String(short)));
  const { names, locals } = kept;
  if (
    !isMap(names) ||
    typeof locals !== "object" ||
    locals === null ||
    !Object.values(locals).every(isMap)
  )
    throw refuse("names.json: expected names and locals, each a map to short names");
  return { names: names!, locals };
}

/** Writes a build's files. Texts are written a byte per character. */
export function writeFirmware(firmware: Firmware, dir: string, pretokenised: boolean): object {
  const { core, board, digest, imageText, sizes, settings } = firmware;
  const report = {
    board,
    digest,
    bytes: imageText.length,
    pretokenised,
    sizes,
    settings,
    parts: core.parts,
  };
  mkdirSync(dir, { recursive: true });
  const write = (name: string, text: string) => writeFileSync(join(dir, name), text, "latin1");
  write("image.js", imageText);
  write("page0.js", core.page0Text);
  write("core.js", core.coreText);
  write("boot0.js", core.boot0Text);
  write("names.json", `${JSON.stringify(firmware.kept, null, 1)}\n`);
  write("build.json", `${JSON.stringify(report, null, 2)}\n`);
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
    "names.json: give this folder as --previous to the next release's build, and its update stays small",
    `written to ${dir}`,
    "",
  ].join("\n");
}
