import { fileURLToPath } from "node:url";
import { type Board, boards } from "../../boards/index.ts";
import { buildFirmware } from "../cli/build/firmware.ts";
import { isPacked } from "../powercut/material.ts";
import { measureCheckIn } from "./checkIn.ts";

/** One number of a board against what the board file allows. */
export interface SizeLine {
  board: string;
  /** "core/journal", "framework", "check-in bytes", … */
  name: string;
  value: number;
  /** absent for what counts in a sum */
  max?: number;
}

/** The app whose bytes stand for an app: the one that the real interpreter plays. */
const exampleApp = fileURLToPath(new URL("../espruino/apps/better.ts", import.meta.url));

/** Bytes of every part, and the cost of a check-in, of each board.
 *  @param ids boards; default all of boards/index.ts */
export async function measureSizes(ids = Object.keys(boards)): Promise<SizeLine[]> {
  const lines: SizeLine[] = [];
  for (const id of ids) lines.push(...(await measureBoard(boards[id]!)));
  return lines;
}

async function measureBoard(board: Board): Promise<SizeLine[]> {
  const options = { pretokenise: isPacked(board), overBudget: "allow" as const };
  const { sizes } = await buildFirmware(board, exampleApp, options);
  const lines = sizes.map(({ name, bytes, budgetBytes }): SizeLine => {
    return { board: board.id, name, value: bytes, max: budgetBytes };
  });
  const cost = await measureCheckIn(board);
  const max = board.budget.checkIn;
  const add = (name: string, value: number, most?: number) =>
    lines.push({ board: board.id, name: `check-in ${name}`, value, max: most });
  add("bytes up", cost.upBytes);
  add("bytes down", cost.downBytes);
  add("bytes", cost.upBytes + cost.downBytes, max?.bytesMax);
  add("radio ms", cost.radioMs, max?.radioMsMax);
  add("flash writes", cost.flashWrites, max?.flashWritesMax);
  add("flash erases", cost.flashErases, max?.flashErasesMax);
  return lines;
}

/** One line for each number that is over its budget. */
export function overBudget(lines: SizeLine[]): string[] {
  return lines
    .filter(({ value, max }) => max !== undefined && value > max)
    .map(
      ({ board, name, value, max }) =>
        `${board}: ${name}: expected at most ${max}, got ${shown(value)}. Make it smaller, or say in boards/${board}.ts ` +
        "why it may be larger",
    );
}

/** Up to two places, without zeros at the end. */
export const shown = (value: number) => String(Math.round(value * 100) / 100);
