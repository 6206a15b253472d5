import type { Command } from "commander";
import { boards } from "../../../boards/index.ts";
import { ToolError } from "../keys/errors.ts";
import { abilities, closeTo } from "./facts.ts";
import { inFull, overview } from "./view.ts";

const examples = `
Examples:
  $ fleetling boards
  All boards: chip, flash plan, how it is updated and what that promises, what it cannot do.
  $ fleetling boards pixljs
  All of one board, with the source of each number; [H] = only the hardware can tell.
  $ fleetling boards puckjs --json
`;

/** Adds `fleetling boards`. */
export function register(program: Command): void {
  program
    .command("boards")
    .description("What each board is, promises, can and cannot do")
    .argument("[id]", "one board, in full")
    .option("--json", "one JSON document; numbers as in the board files")
    .addHelpText("after", examples)
    .action((id: string | undefined, flags: { json?: boolean }) => {
      const chosen = id === undefined ? Object.values(boards) : [boardOf(id)];
      const full = chosen.map((board) => ({ ...board, ...abilities(board) }));
      const lines = id === undefined ? overview() : inFull(chosen[0]!);
      const value = id === undefined ? { boards: full } : full[0];
      process.stdout.write(flags.json ? `${JSON.stringify(value)}\n` : `${lines.join("\n")}\n`);
    });
}

/** @throws ToolError BOARD_UNKNOWN with the ids that are close */
function boardOf(id: string) {
  if (Object.hasOwn(boards, id)) return boards[id]!;
  const close = closeTo(id);
  throw new ToolError("BOARD_UNKNOWN", {
    object: "board",
    expected: `one of ${Object.keys(boards).join(", ")}`,
    found: JSON.stringify(id.slice(0, 40)),
    next: close.length ? `Did you mean ${close.join(" or ")}?` : "fleetling boards shows all.",
  });
}
