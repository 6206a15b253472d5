import { boards } from "../../boards/index.ts";

/** True for a board that hashes in its interpreter's language: what others do in a moment takes it minutes. */
export function isSlow(board: string): boolean {
  return Object.hasOwn(boards, board) && !boards[board]!.crypto.sha256;
}

/** True for a board whose software is never updated: nothing is offered to it. A board that is not known here may be. */
export function isFixed(board: string): boolean {
  return Object.hasOwn(boards, board) && boards[board]!.updates === "never";
}
