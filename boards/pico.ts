import { fixedPromise } from "./promises.ts";
import type { Board } from "./types.ts";

/** Espruino Pico: Storage is three erase pages. Two hold the journal; identity, image and core share the third, which is
 *  written at the factory and never erased. */
export const pico: Board = {
  id: "pico",
  name: "Espruino Pico",
  chip: "STM32F401CD",
  variables: 5100,
  flashStart: 0x08004000,
  pageBytes: 16384,
  writeUnitBytes: 4,
  rewrite: "any-1-to-0",
  endurance: { erases: 10_000, blockBytes: 0, blockWritesMax: 0 },
  protectedRanges: [],
  plan: {
    kind: "fixed",
    corePage: 0,
    imageAt: 0x240,
    imageBytes: 5248,
    journalPage: 1,
    journalHalfPages: 1,
    totalPages: 3,
  },
  updates: "never",
  promise: fixedPromise,
  crypto: { sha256: true, aes: true },
  link: "serial",
  radio: { kind: "none", bitsPerS: 12_000_000 },
  serialPort: "USB",
  measure: {
    batteryMv: "E.getAnalogVRef()*1000",
    temperatureDeciC: "E.getTemperature()*10",
    resetReason:
      "(r=>{poke32(0x40023874,0x1000000);return r&0x20000000?3:r&0x10000000?4:r&0xA000000?1:r&0x4000000?2:1})(peek32(0x40023874))",
  },
  button: "digitalRead(BTN1)",
  pins: { button: "C13", led: "B2", txd: "B6", rxd: "B7" },
  watchdog: true,
  consoles: { usb: true, ble: false, telnet: false },
  budget: { coreBytes: 10_560, frameworkBytes: 2_280, appBytes: 2_944 },
  sources: {
    variables: "interpreter boards/PICO_R1_3.py line 24",
    flashStart: "interpreter boards/PICO_R1_3.py lines 73-77: 0x08004000, 3 pages of 16384",
    pageBytes: "interpreter boards/PICO_R1_3.py line 75; ST RM0368 §3.3: sectors 1 to 3 of 16 kB",
    writeUnitBytes: "interpreter targets/stm32/jshardware.c lines 3218-3223: words of 4 bytes",
    rewrite: "ST RM0368 §3.5.3: bits go from 1 to 0 without an erase, any number of times",
    endurance: "ST STM32F401 datasheet, flash memory endurance: 10,000 cycles",
    protectedRanges: "interpreter targets/stm32/jshardware.c lines 3178-3247: no check",
    plan:
      "SPEC.md §2: two halves of the journal need a page each that is erased, so one is left for all that never is. " +
      "The 128 kB behind the named end of its flash are not counted on: the datasheet does not know them",
    updates: "SPEC.md §2: no page in which an image could be erased",
    promise: "SPEC.md §2, §8, §9; swept by npm run powercut",
    crypto: "interpreter boards/PICO_R1_3.py lines 40-41: CRYPTO, SHA256, and AES that TLS brings",
    link: "no radio on the board: a gateway on the cable carries its frames",
    radio: "its frames go over USB, full speed",
    serialPort: "interpreter boards/PICO_R1_3.py line 47: USE_USB_OTG_FS",
    measure:
      "interpreter E.getAnalogVRef, E.getTemperature; ST RM0368 §6.3.20 RCC_CSR 0x40023874: the core reads and clears " +
      "its flags, the start-up leaves them (interpreter targets/stm32/jshardware.c lines 1268-1279): [H]",
    button:
      "interpreter boards/PICO_R1_3.py line 87 BTN1: pin C13; held for three seconds it passes the board's own bootloader (targets/stm32_boot/utils.c lines 222-232)",
    pins: "interpreter boards/PICO_R1_3.py lines 22-23, 87-88",
    watchdog: "interpreter targets/stm32/jshardware.c lines 3030-3050 jshEnableWatchDog",
    consoles:
      "interpreter boards/PICO_R1_3.py lines 21-23: Serial1, and USB while it is plugged; no network",
    budget:
      "page 0 less identity and three headers: 15.8 kB for image and core; its image has no parts for updates",
  },
};
