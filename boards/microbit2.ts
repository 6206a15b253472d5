import { singlePromise } from "./promises.ts";
import type { Board } from "./types.ts";

/** BBC micro:bit 2: ten pages and no SHA-256: the core needs four of them, so there is one slot. */
export const microbit2: Board = {
  id: "microbit2",
  name: "BBC micro:bit 2",
  chip: "nRF52833",
  variables: 6000,
  flashStart: 0x6c000,
  pageBytes: 4096,
  writeUnitBytes: 4,
  rewrite: "zero-only",
  endurance: { erases: 10_000, blockBytes: 4, blockWritesMax: 2 },
  protectedRanges: [],
  plan: {
    kind: "single",
    slotAPage: 1,
    slotPages: 3,
    journalPage: 4,
    journalHalfPages: 1,
    corePage: 6,
    totalPages: 10,
  },
  updates: "cable",
  promise: singlePromise,
  crypto: { sha256: false, aes: false },
  link: "serial",
  radio: { kind: "none", bitsPerS: 9_600 },
  serialPort: "Serial1",
  serialSetup: "Serial1.setup(9600,{rx:H0,tx:H1})",
  measure: {
    batteryMv: "NRF.getBattery()*1000",
    temperatureDeciC: "E.getTemperature()*10",
    resetReason: "(r=>{poke32(0x40000400,r);return r&2?3:r&1?2:r&4?4:1})(peek32(0x40000400))",
  },
  updateBatteryMinMv: 2200,
  button: "digitalRead(BTN1)",
  pins: { button: "D5", txd: "H1", rxd: "H0" },
  watchdog: true,
  consoles: { usb: true, ble: true, telnet: false },
  budget: { coreBytes: 19_900, frameworkBytes: 4_500, appBytes: 7_785 },
  sources: {
    variables: "interpreter boards/MICROBIT2.py line 32",
    flashStart: "interpreter boards/MICROBIT2.py lines 76-79: (118 - 10) * 4096, 10 pages of 4096",
    pageBytes: "interpreter boards/MICROBIT2.py line 78; nRF52833 PS v1.5 §4.3 NVMC",
    writeUnitBytes: "nRF52833 PS v1.5 §4.3 NVMC: word writes",
    rewrite: "nRF52833 PS v1.5 §4.3 NVMC nWRITE 2 per word: written, then zeroed",
    endurance: "nRF52833 PS v1.5 §4.3 NVMC: 10,000 erase cycles, 2 writes (nWRITE) of a word",
    protectedRanges:
      "interpreter targets/nrf5x/jshardware.c lines 2373-2380: micro:bit 2 is not among the protected",
    plan: "SPEC.md §2: identity, one slot of three pages, two of journal, four of core; two slots would leave three for the core",
    updates: "SPEC.md §2: one slot, so only the core writes it",
    promise: "SPEC.md §2, §8, §9; swept by npm run powercut",
    crypto: "interpreter boards/MICROBIT2.py lines 36-43: no CRYPTO library",
    link: "its USB interface chip is a serial line: a gateway on the cable carries its frames",
    radio: "its frames go over the cable, at the default console's 9600 baud",
    serialPort:
      "interpreter boards/MICROBIT2.py lines 28-31: Serial1 on H1, H0, to the USB interface chip",
    serialSetup:
      "interpreter boards/MICROBIT2.py lines 29-31: pins and speed; whether the port is ready without: [H]",
    measure:
      "nRF52833 PS v1.5 POWER.RESETREAS 0x40000400; interpreter NRF.getBattery, E.getTemperature. Brown-out reads as power-on",
    updateBatteryMinMv:
      "IEC 60086-2 LR03: cut-off 0.9 V a cell, two in series 1.8 V; nRF52833 PS v1.5: 1.7 V least; the rest is what a worn cell sags while radio and flash work [H]",
    button: "interpreter boards/MICROBIT2.py line 85 BTN1 (button A): pin D5, negated in software",
    pins: "interpreter boards/MICROBIT2.py lines 29-30, 85",
    watchdog: "interpreter targets/nrf5x/jshardware.c jshEnableWatchDog",
    consoles: "interpreter boards/MICROBIT2.py lines 28, 37: Serial1 over USB, Bluetooth",
    budget:
      "four core pages and the rest of page 0 (ADR 0001); framework as on Puck.js, the app what is left of 12 kB",
  },
};
