import { type Board, firstPageOf } from "../../../boards/types.ts";

/** What one family's flash allows. Addresses are absolute, as device code uses them. */
export interface FlashRules {
  /** of the first page that the firmware uses */
  start: number;
  /** where Storage begins; pages before it belong to the firmware alone */
  storageStart: number;
  pageBytes: number;
  /** all, from `start` on */
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

/** The rules of the flash that a board's firmware uses, as its file states them. */
export function rulesOf(board: Board): FlashRules {
  const first = firstPageOf(board.plan);
  return {
    start: board.flashStart + first * board.pageBytes,
    storageStart: board.flashStart,
    pageBytes: board.pageBytes,
    pages: board.plan.totalPages - first,
    writeUnitBytes: board.writeUnitBytes,
    rewrite: board.rewrite,
    protectedRanges: board.protectedRanges,
    blockBytes: board.endurance.blockBytes,
    blockWritesMax: board.endurance.blockWritesMax,
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
    | "shared-sector"
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
