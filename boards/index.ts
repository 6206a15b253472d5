import { banglejs2 } from "./banglejs2.ts";
import { esp32 } from "./esp32.ts";
import { esp32c3 } from "./esp32c3.ts";
import { esp32s3 } from "./esp32s3.ts";
import { esp8266 } from "./esp8266.ts";
import { joltjs } from "./joltjs.ts";
import { linux } from "./linux.ts";
import { mdbt42q } from "./mdbt42q.ts";
import { microbit2 } from "./microbit2.ts";
import { pixljs } from "./pixljs.ts";
import { puckjs } from "./puckjs.ts";
import { stm32l496 } from "./stm32l496.ts";
import type { Board } from "./types.ts";

export { listedBoards } from "./listed.ts";
export type { Board, FlashPlan, ListedBoard } from "./types.ts";
export { slotStartPages } from "./types.ts";

/** All boards that Fleetling runs on, by id. */
export const boards: Record<string, Board> = {
  puckjs,
  mdbt42q,
  pixljs,
  joltjs,
  banglejs2,
  microbit2,
  esp8266,
  esp32,
  esp32c3,
  esp32s3,
  stm32l496,
  linux,
};
