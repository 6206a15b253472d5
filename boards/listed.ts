import type { ListedBoard } from "./types.ts";

/** Espruino Pico: three erase pages in all. */
const pico: ListedBoard = {
  id: "pico",
  name: "Espruino Pico",
  chip: "STM32F401CD",
  variables: 5100,
  reason:
    "Storage is three pages of 16 kB. Two halves of the journal need a page each that is erased; identity and core " +
    "need 15.5 kB that never are, and stand first and last, so in two pages. No page is left that an image could be " +
    "erased in. The 128 kB behind the named end of its flash are not counted on: the datasheet does not know them.",
  sources: {
    variables: "interpreter boards/PICO_R1_3.py line 24",
    reason:
      "interpreter boards/PICO_R1_3.py lines 73-76: 0x08004000, 3 pages of 16384; targets/stm32/jshardware.c lines " +
      "3160-3162; fleetling build for the core's bytes",
  },
};

/** Espruino WiFi: Storage is one erase page, and three more lie outside it. */
const espruinowifi: ListedBoard = {
  id: "espruinowifi",
  name: "Espruino WiFi",
  chip: "STM32F411CE",
  variables: 8190,
  reason:
    "Storage is one page of 64 kB at 0x08010000, so nothing in it can be erased alone: identity and core would stand " +
    "there. The three free sectors of 16 kB at 0x08004000 lie outside Storage: enough for the journal's two halves " +
    "and one slot, not for two. The core reads slots through Storage, so there is no plan for sectors outside it. Its " +
    "Wi-Fi is a modem behind a JavaScript module (EspruinoWiFi) that takes variables of its own; its line is USB.",
  sources: {
    variables: "interpreter boards/ESPRUINOWIFI.py line 24",
    reason:
      "interpreter boards/ESPRUINOWIFI.py lines 68-71, 93-98: 0x08010000, 1 page of 65536, modem on A2, A3; " +
      "targets/stm32/jshardware.c lines 3147-3149",
  },
};

/** Boards that Fleetling knows and does not run on, by id. */
export const listedBoards: Record<string, ListedBoard> = { pico, espruinowifi };
