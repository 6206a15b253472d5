import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { boards } from "../../../boards/index.ts";
import { boardById } from "./boardFields.ts";
import { buildFirmware, type Firmware, type SizeRow } from "./firmware.ts";

interface Flags {
  board: string;
  out: string;
  json?: boolean;
  pretokenise?: boolean;
  overBudget?: boolean;
}

const example = `
Example:
  $ fleetling build app.ts --board puckjs --out build
  Writes build/image.js, page0.js, core.js, boot0.js, names.json and build.json.

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
    .option("--over-budget", "build even when a piece is larger than the board's budget")
    .option("--json", "print the sizes as JSON")
    .addHelpText("after", example)
    .action(async (app: string, flags: Flags) => {
      const firmware = await buildFirmware(boardById(flags.board), app, {
        pretokenise: flags.pretokenise,
        overBudget: flags.overBudget ? "allow" : "refuse",
      });
      const report = writeFirmware(firmware, flags.out, flags.pretokenise ?? false);
      process.stdout.write(
        flags.json ? `${JSON.stringify(report)}\n` : sizeTable(firmware, flags.out),
      );
    });
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
  write("names.json", `${JSON.stringify(core.names, null, 1)}\n`);
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
    `written to ${dir}`,
    "",
  ].join("\n");
}
