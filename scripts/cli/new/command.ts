import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { boards } from "../../../boards/index.ts";
import { boardById } from "../build/boardFields.ts";
import { ToolError } from "../keys/errors.ts";
import { projectFiles } from "./template.ts";

interface Flags {
  board: string;
  json?: boolean;
}

const example = `
Example:
  $ fleetling new porch-light --board puckjs
  $ cd porch-light && npm install && npm test
  The folder must be new or empty. The project builds and tests at once; app.ts is the place to begin.
`;

/** Adds `fleetling new`. */
export function register(program: Command): void {
  program
    .command("new")
    .description("Make a project folder: an app, its test, and what both need")
    .argument("<name>", "folder and package name: a letter, then letters, digits and -")
    .option("-b, --board <id>", `board: ${Object.keys(boards).join(", ")}`, "puckjs")
    .option("--json", "print what was made as JSON")
    .addHelpText("after", example)
    .action((name: string, flags: Flags) => {
      const made = makeProject(name, flags.board, process.cwd());
      process.stdout.write(
        flags.json
          ? `${JSON.stringify(made)}\n`
          : `made ${name} for ${made.board}: ${made.files.join(", ")}\nnext: cd ${name} && npm install && npm test\n`,
      );
    });
}

/** Writes a new project below `parent`.
 *  @throws ToolError NEW_NAME, NEW_EXISTS; BuildError BUILD_BOARD_UNKNOWN; nothing is written then */
export function makeProject(
  name: string,
  boardId: string,
  parent: string,
): { name: string; board: string; dir: string; files: string[] } {
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(name)) {
    throw new ToolError("NEW_NAME", {
      object: "name",
      expected: "a small letter, then small letters, digits and -, at most 63",
      found: JSON.stringify(name),
      next: "Choose another name; it becomes the folder's and the package's.",
    });
  }
  const board = boardById(boardId);
  const dir = resolve(parent, name);
  if (existsSync(dir) && readdirSync(dir).length > 0) {
    throw new ToolError("NEW_EXISTS", {
      object: dir,
      expected: "no such folder, or an empty one",
      found: `${readdirSync(dir).length} entries`,
      next: "Choose another name, or empty the folder.",
    });
  }
  const files = projectFiles(name, board);
  mkdirSync(dir, { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(dir, file), text);
  return { name, board: board.id, dir, files: Object.keys(files) };
}
