/** Ends the running code of a board: thrown through device code, which cannot stop it. */
export class LifeEnded extends Error {
  readonly code = "LIFE_ENDED";
  readonly cause_: EndCause;
  constructor(cause: EndCause) {
    super(`board stopped: ${cause}`);
    this.cause_ = cause;
  }
}

/** Why a board's life between two starts ended. "soft" is load() or reset(): no reset of the chip. */
export type EndCause =
  | "power-off"
  | "power-cut"
  | "battery-empty"
  | "software"
  | "watchdog"
  | "pin"
  | "hung"
  | "soft";
