import { banglejs2 } from "./banglejs2.ts";
import { esp32 } from "./esp32.ts";
import { esp32c3 } from "./esp32c3.ts";
import { esp32s3 } from "./esp32s3.ts";
import { esp8266 } from "./esp8266.ts";
import { espruinowifi } from "./espruinowifi.ts";
import { joltjs } from "./joltjs.ts";
import { linux } from "./linux.ts";
import { mdbt42q } from "./mdbt42q.ts";
import { microbit2 } from "./microbit2.ts";
import { pico } from "./pico.ts";
import { pixljs } from "./pixljs.ts";
import { puckjs } from "./puckjs.ts";
import { stm32l496 } from "./stm32l496.ts";
import type { Board } from "./types.ts";

export type { Board, FlashPlan } from "./types.ts";
export { firstPageOf, slotAddresses, slotBytesOf } from "./types.ts";

/** All boards that Fleetling runs on, by id. */
export const boards: Record<string, Board> = {
  puckjs,
  mdbt42q,
  pixljs,
  joltjs,
  banglejs2,
  microbit2,
  pico,
  espruinowifi,
  esp8266,
  esp32,
  esp32c3,
  esp32s3,
  stm32l496,
  linux,
};
