import { abPromise } from "./promises.ts";
import type { Board } from "./types.ts";

/** STM32L496 Discovery: flash with ECC: 8 bytes at a time, once; after that only zeros. */
export const stm32l496: Board = {
  id: "stm32l496",
  name: "STM32L496 Discovery",
  chip: "STM32L496",
  variables: 19200,
  flashStart: 0x080d0000,
  pageBytes: 2048,
  writeUnitBytes: 8,
  rewrite: "zero-only",
  endurance: { erases: 10_000, blockBytes: 8, blockWritesMax: 2 },
  protectedRanges: [],
  plan: {
    kind: "ab",
    slotAPage: 1,
    slotBPage: 17,
    slotPages: 16,
    journalPage: 33,
    journalHalfPages: 4,
    corePage: 41,
    totalPages: 64,
  },
  updates: "anywhere",
  promise: abPromise,
  crypto: { sha256: true, aes: true },
  link: "serial",
  radio: { kind: "none", bitsPerS: 9_600 },
  serialPort: "Serial2",
  serialSetup: "Serial2.setup(9600,{tx:A2,rx:D6})",
  measure: {
    batteryMv: "E.getAnalogVRef()*1000",
    temperatureDeciC: "E.getTemperature()*10",
  },
  button: "digitalRead(BTN1)",
  pins: { button: "C13", led: "B13", txd: "A2", rxd: "D6" },
  watchdog: false,
  consoles: { usb: true, ble: false, telnet: false },
  budget: { coreBytes: 32_000, frameworkBytes: 20_000, appBytes: 12_000 },
  sources: {
    variables: "interpreter boards/STM32L496GDISCOVERY.py line 26",
    flashStart:
      "interpreter boards/STM32L496GDISCOVERY.py lines 62-64: 0x080D0000, 64 pages of 2048",
    pageBytes: "interpreter boards/STM32L496GDISCOVERY.py line 63; ST RM0351 §3.3.1",
    writeUnitBytes: "ST RM0351 §3.3.7: double words of 8 bytes",
    rewrite: "ST RM0351 §3.3.7: with ECC a double word is written once, then only to zero",
    endurance:
      "ST STM32L496 datasheet, flash memory endurance: 10,000 cycles; RM0351 §3.3.7: written once, zeroed once",
    protectedRanges: "interpreter targets/stm32_ll/jshardware.c lines 2142-2190: no check",
    plan: "SPEC.md §2: slots of 32 kB, journal halves of 8 kB, the rest is core",
    updates: "SPEC.md §9: two slots",
    promise: "SPEC.md §2, §8, §9; swept by npm run powercut",
    crypto:
      "interpreter boards/STM32L496GDISCOVERY.py lines 34-35: CRYPTO, SHA256, and AES that TLS brings",
    link: "no network hardware on the board: a gateway on the cable carries its frames",
    radio: "its frames go over the cable, at the default console's 9600 baud",
    serialPort:
      "interpreter boards/STM32L496GDISCOVERY.py lines 23-25: EV_SERIAL2 on A2, D6, to the debugger's USB",
    serialSetup:
      "interpreter boards/STM32L496GDISCOVERY.py lines 24-25: pins; 9600 baud is the interpreter's default; whether the port is ready without: [H]",
    measure:
      "interpreter E.getAnalogVRef, E.getTemperature; the RCC's reset flags are not read: whether the start-up clears them: [H]",
    button:
      "interpreter boards/STM32L496GDISCOVERY.py line 74 BTN1 (joystick): pin C13, pulled down",
    pins: "interpreter boards/STM32L496GDISCOVERY.py lines 24-25, 74, 79",
    watchdog:
      "interpreter targets/stm32_ll/jshardware.c lines 1684-1691: enabling and kicking do nothing",
    consoles:
      "interpreter boards/STM32L496GDISCOVERY.py line 23: EV_SERIAL2 by the debugger's USB; no network",
    budget: "core 23 pages, of which what parts need; image at most a slot of 32 kB",
  },
};
