import type { Board } from "../../../boards/index.ts";
import type { Machine } from "./machine.ts";

/** The interpreter release that the shim follows. */
export const interpreterVersion = "2v29";

/** Variables of boards that compute their number at boot. Source: interpreter boards/ESP32.py, LINUX.py */
const runtimeVariables: Record<string, number> = { ESP32: 16383 };

/** Variables of a board as its interpreter counts them at boot. */
export function variablesOf(board: Board): number {
  return board.variables === "runtime" ? (runtimeVariables[board.chip] ?? 8192) : board.variables;
}

/** The process object. Memory figures are an estimate from timers and listeners: the host cannot count variables. */
export function processLib(machine: Machine): Record<string, unknown> {
  const { realm, board } = machine;
  const total = variablesOf(board);
  return realm.object({
    version: interpreterVersion,
    env: realm.object({
      VERSION: interpreterVersion,
      BOARD: board.id.toUpperCase(),
      SERIAL: "00000000-addeadde-addeadde",
      CONSOLE: board.serialPort,
      FLASH: board.pageBytes * board.plan.totalPages,
      STORAGE: board.pageBytes * board.plan.totalPages,
    }),
    memory: machine.native(() => {
      const usage = Math.min(total, 640 + 14 * machine.timerCount + 4 * machine.events.count);
      return realm.object({
        free: total - usage,
        usage,
        total,
        history: 0,
        gc: 0,
        gctime: 1,
        blocksize: 13,
        flash_code_start: board.flashStart,
      });
    }),
  });
}
