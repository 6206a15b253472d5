import type { Board } from "../../../boards/types.ts";

/** What one family's flash allows. Addresses are absolute, as device code uses them. */
export interface FlashRules {
  start: number;
  pageBytes: number;
  pages: number;
  /** smallest write in bytes, and what a second write to the same unit may do */
  writeUnitBytes: 1 | 4 | 8;
  rewrite: "any-1-to-0" | "zero-only";
  /** writes to these addresses are dropped in silence; `to` is exclusive */
  protectedRanges: readonly { from: number; to: number }[];
  /** most writes of a unit inside one block between two erases; 0 = no limit */
  blockBytes: number;
  blockWritesMax: number;
}

/** The rules of a board.
 *  @returns rules of its Storage area; the nRF52832 limit of 181 writes per 512 bytes applies to its word-writing boards
 *  Source: nRF52832 PS NVMC nWRITE; interpreter targets/nrf5x/jshardware.c write protection */
export function rulesOf(board: Board): FlashRules {
  const nrf52832 = board.chip === "nRF52832";
  return {
    start: board.flashStart,
    pageBytes: board.pageBytes,
    pages: board.plan.totalPages,
    writeUnitBytes: board.writeUnitBytes,
    rewrite: board.rewrite,
    protectedRanges: nrf52832
      ? [
          { from: 0, to: 0x1f000 },
          { from: 0x78000, to: 0x80000 },
        ]
      : [],
    blockBytes: nrf52832 ? 512 : 0,
    blockWritesMax: nrf52832 ? 181 : 0,
  };
}

/** One thing the device did that real flash of this family does not promise to bear. */
export interface FlashViolation {
  kind:
    | "unaligned"
    | "rewrite"
    | "ecc-rewrite"
    | "needs-erase"
    | "torn-page"
    | "out-of-range"
    | "protected"
    | "worn-block";
  addr: number;
  bytes: number;
}

/** Thrown at the first violation when the flash is strict. */
export class FlashRuleBroken extends Error {
  readonly code = "FLASH_RULE_BROKEN";
  readonly violation: FlashViolation;
  constructor(violation: FlashViolation) {
    super(
      `flash at 0x${violation.addr.toString(16)}: ${violation.kind}, ${violation.bytes} bytes written`,
    );
    this.violation = violation;
  }
}
