import { type Board, boards } from "../../boards/index.ts";
import type { Shape } from "./interpreter.ts";

/** Bytes that a probe build takes to measure itself: no product has them. */
const probeBytes = 100;

const storageBytes = ({ plan, pageBytes }: Board) => plan.totalPages * pageBytes;

/** The board that a binary plays when none is named: the host's own, or the smallest one. */
export function boardFor(shape: Shape): Board | null {
  const board = [boards.linux!, boards.puckjs!].find((one) => fits(one, shape));
  return board ? standIn(board) : null;
}

/** True when a binary's flash has the pages of a board's plan. */
export const fits = (board: Board, shape: Shape) =>
  shape.pageBytes === board.pageBytes && shape.totalBytes === storageBytes(board);

/** A board as the host's interpreter can play it: its plan, its budget, its way to update, and none of the native
 *  functions that it lacks; without its sensors, its button and its radio, which no host has. */
export function standIn(board: Board): Board {
  if (board.id === "linux") return { ...board, probe: true };
  return {
    ...board,
    budget: { ...board.budget, frameworkBytes: board.budget.frameworkBytes + probeBytes },
    flashStart: 0x10000000,
    radio: { ...board.radio, kind: board.radio.kind === "wifi" ? "none" : board.radio.kind },
    // Its standard input ends the program at a byte 0x04 (targets/linux), so it gets a port of its own.
    serialPort: "Serial1",
    serialSetup: 'Serial1.setup(115200,{path:"port"})',
    consoles: { ...board.consoles, telnet: board.consoles.telnet && board.link === "mqtt" },
    measure: {},
    button: undefined,
    watchdog: false,
    feed: undefined,
    probe: true,
  };
}
