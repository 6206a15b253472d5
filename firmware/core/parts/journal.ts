import { type Journal, journal } from "../../flash/journal.ts";
import { setHal } from "../../hal/current.ts";
import type { Kit } from "../kit.ts";

/** The journal at work: evaluated for each use, because it is rare and its functions would cost 140 variables. */
export default (k: Kit): Journal => {
  setHal(k.h);
  return journal(BOARD.journal, BOARD.journalHalfBytes, BOARD.pageBytes, k.js, k);
};
