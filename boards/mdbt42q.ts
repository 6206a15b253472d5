import { abPromise } from "./promises.ts";
import type { Board } from "./types.ts";

/** MDBT42Q module: a Puck.js without AES, with a few more variables. */
export const mdbt42q: Board = {
  id: "mdbt42q",
  name: "MDBT42Q",
  chip: "nRF52832",
  variables: 2950,
  flashStart: 0x6c000,
  pageBytes: 4096,
  writeUnitBytes: 4,
  rewrite: "zero-only",
  endurance: { erases: 10_000, blockBytes: 512, blockWritesMax: 181 },
  protectedRanges: [
    { from: 0, to: 0x1f000 },
    { from: 0x78000, to: 0x80000 },
  ],
  plan: {
    kind: "ab",
    slotAPage: 1,
    slotBPage: 3,
    slotPages: 2,
    journalPage: 5,
    journalHalfPages: 1,
    corePage: 7,
    totalPages: 10,
  },
  updates: "anywhere",
  promise: abPromise,
  crypto: { sha256: true, aes: false },
  link: "serial",
  radio: { kind: "ble", bitsPerS: 1_000_000 },
  serialPort: "Bluetooth",
  measure: {
    batteryMv: "NRF.getBattery()*1000",
    temperatureDeciC: "E.getTemperature()*10",
    resetReason: "(r=>{poke32(0x40000400,r);return r&2?3:r&1?2:r&4?4:1})(peek32(0x40000400))",
  },
  updateBatteryMinMv: 2200,
  button: "digitalRead(BTN1)",
  pins: { button: "D0", led: "D1", txd: "D6", rxd: "D8" },
  watchdog: true,
  consoles: { usb: false, ble: true, telnet: false },
  budget: { coreBytes: 15_800, frameworkBytes: 4_500, appBytes: 3_600 },
  sources: {
    variables: "interpreter boards/MDBT42Q.py line 26",
    flashStart: "interpreter boards/MDBT42Q.py lines 73-76: (118 - 10) * 4096, 10 pages of 4096",
    pageBytes: "interpreter boards/MDBT42Q.py line 75; nRF52832 PS v1.4 §11 NVMC",
    writeUnitBytes: "nRF52832 PS v1.4 §11 NVMC: word writes",
    rewrite: "nRF52832 PS v1.4 §11 NVMC nWRITE: secrets are zeroed, nothing else is written twice",
    endurance: "nRF52832 PS v1.4 §11.3 NVMC: 10,000 erase cycles, 181 writes (nWRITE) per 512 B",
    protectedRanges: "interpreter targets/nrf5x/jshardware.c lines 2373-2376",
    plan: "SPEC.md §2: as Puck.js",
    updates: "SPEC.md §9: two slots",
    promise: "SPEC.md §2, §8, §9; swept by npm run powercut",
    crypto: "interpreter boards/MDBT42Q.py lines 35-36: CRYPTO, SHA256, AES left out",
    link: "nRF52832: BLE is its only radio, so a gateway carries its frames",
    radio: "Bluetooth 5 core specification: LE 1M PHY, what a gateway connects with",
    serialPort: "interpreter: the Nordic UART service is the port Bluetooth",
    measure:
      "nRF52832 PS v1.4 POWER.RESETREAS 0x40000400; interpreter NRF.getBattery, E.getTemperature. Brown-out reads as power-on",
    updateBatteryMinMv:
      "IEC 60086-2 CR2032: cut-off 2.0 V; nRF52832 PS v1.4: 1.7 V least; the rest is what a worn cell sags while radio and flash work [H]",
    button: "interpreter boards/MDBT42Q.py line 84 BTN1: pin D0, pulled down",
    pins: "interpreter boards/MDBT42Q.py lines 23-24, 82, 84",
    watchdog: "interpreter targets/nrf5x/jshardware.c jshEnableWatchDog",
    consoles:
      "interpreter boards/MDBT42Q.py line 22: Serial1 until Bluetooth connects; no USB, no network",
    budget:
      "design of ADR 0001: core pages and the rest of page 0 behind the identity; framework 4.5 kB, app 3.6 kB of a slot of two pages",
  },
};
