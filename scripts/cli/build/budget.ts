import type { Board } from "../../../boards/index.ts";
import { BuildError } from "./errors.ts";

/** Refuses texts that are larger than the board's budget for them.
 *  @param pieces name and bytes of each piece that counts
 *  @throws BuildError BUILD_BUDGET with every piece's bytes */
export function checkBudget(
  board: Board,
  pieces: [name: string, bytes: number][],
  budgetBytes: number,
  options: { overBudget?: "refuse" | "allow" },
): void {
  const total = pieces.reduce((sum, [, bytes]) => sum + bytes, 0);
  if (total <= budgetBytes || options.overBudget === "allow") return;
  const list = pieces.map(([name, bytes]) => `${name} ${bytes}`).join(", ");
  throw new BuildError({
    code: "BUILD_BUDGET",
    found: `${board.name}: expected at most ${budgetBytes} bytes, got ${total} (${list})`,
    remedy: "Make the largest piece smaller, try --pretokenise, or choose a board with more flash",
  });
}
