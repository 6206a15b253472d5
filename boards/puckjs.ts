import type { Board } from "./types.ts";

/** Puck.js: nRF52832, the smallest board. No network of its own: a gateway carries its frames. */
export const puckjs: Board = {
  id: "puckjs",
  name: "Puck.js",
  chip: "nRF52832",
  variables: 2630,
  flashStart: 0x6c000,
  pageBytes: 4096,
  writeUnitBytes: 4,
  rewrite: "zero-only",
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
  crypto: { sha256: true, aes: true },
  link: "serial",
  serialPort: "Bluetooth",
  measure: {
    batteryMv: "NRF.getBattery()*1000",
    temperatureDeciC: "E.getTemperature()*10",
    resetReason: "(r=>{poke32(0x40000400,r);return r&2?3:r&1?2:r&4?4:1})(peek32(0x40000400))",
  },
  button: "digitalRead(BTN1)",
  watchdog: true,
  consoles: { usb: false, ble: true, telnet: false },
  budget: { coreBytes: 15_800, frameworkBytes: 4_500, appBytes: 3_600 },
  sources: {
    variables: "interpreter boards/PUCKJS.py line 29",
    flashStart: "interpreter boards/PUCKJS.py saved_code: (118 - 10) * 4096, 10 pages of 4096",
    writeUnitBytes: "nRF52832 product specification, NVMC: word writes",
    rewrite: "nRF52832 PS NVMC nWRITE 181 per 512 B: secrets are zeroed, nothing else is rewritten",
    crypto: "interpreter boards/PUCKJS.py libraries CRYPTO, SHA256, AES",
    measure: "nRF52832 PS POWER.RESETREAS 0x40000400; interpreter NRF.getBattery, E.getTemperature",
    budget:
      "three core pages and 3.5 kB of page 0 (ADR 0001); design §5: framework 4.5 kB, app 3.6 kB",
  },
};
