import { abPromise } from "./promises.ts";
import type { Board } from "./types.ts";

/** Bangle.js 2: Storage is 8 MB of external SPI flash, of which the plan writes the first and the last part. */
export const banglejs2: Board = {
  id: "banglejs2",
  name: "Bangle.js 2",
  chip: "nRF52840",
  variables: 12000,
  flashStart: 0x60000000,
  pageBytes: 4096,
  writeUnitBytes: 4,
  rewrite: "any-1-to-0",
  endurance: { erases: 100_000, blockBytes: 0, blockWritesMax: 0 },
  protectedRanges: [],
  plan: {
    kind: "ab",
    slotAPage: 1,
    slotBPage: 33,
    slotPages: 32,
    journalPage: 65,
    journalHalfPages: 2,
    corePage: 2036,
    totalPages: 2048,
  },
  updates: "anywhere",
  promise: abPromise,
  crypto: { sha256: true, aes: false, copies: true },
  link: "serial",
  radio: { kind: "ble", bitsPerS: 1_000_000 },
  serialPort: "Bluetooth",
  measure: {
    temperatureDeciC: "E.getTemperature()*10",
    resetReason: "(r=>{poke32(0x40000400,r);return r&2?3:r&1?2:r&4?4:1})(peek32(0x40000400))",
  },
  button: "digitalRead(BTN1)",
  pins: { button: "D17", backlight: "D8", vibrate: "D19" },
  watchdog: true,
  consoles: { usb: false, ble: true, telnet: false },
  budget: { coreBytes: 32_000, frameworkBytes: 20_000, appBytes: 100_000 },
  sources: {
    variables: "interpreter boards/BANGLEJS2.py line 27",
    flashStart: "interpreter boards/BANGLEJS2.py lines 128-129: 0x60000000, 2048 pages",
    pageBytes: "interpreter boards/BANGLEJS2.py line 122",
    writeUnitBytes: "SPI NOR flash writes bytes; 4 keeps to what the driver reads back",
    rewrite: "SPI NOR flash clears any bit",
    endurance: "SPI NOR flash, 100,000 erases as its makers state; which chip is fitted: [H]",
    protectedRanges:
      "interpreter targets/nrf5x/jshardware.c lines 2377-2380: internal flash only; Storage is outside",
    plan: "SPEC.md §2: slots of 128 kB; the core is in the last 12 pages; what lies between journal and core belongs to file slots and is never written",
    updates: "SPEC.md §9: two slots",
    promise: "SPEC.md §2, §8, §9; swept by npm run powercut",
    crypto:
      "interpreter boards/BANGLEJS2.py lines 38-39: CRYPTO, SHA256, AES_CCM: no AES-CTR; src/jsvar.h lines 853-866: what lies in SPI flash is copied to the stack to be hashed",
    link: "nRF52840: BLE is its only radio, so a gateway carries its frames",
    radio: "Bluetooth 5 core specification: LE 1M PHY, what a gateway connects with",
    serialPort: "interpreter: the Nordic UART service is the port Bluetooth",
    measure:
      "nRF52840 PS v1.7 POWER.RESETREAS 0x40000400; interpreter E.getTemperature. Its battery is told as a share only",
    button: "interpreter boards/BANGLEJS2.py line 134 BTN1: pin D17, negated in software",
    pins: "interpreter boards/BANGLEJS2.py lines 134, 145, 154",
    watchdog: "interpreter targets/nrf5x/jshardware.c jshEnableWatchDog",
    consoles:
      "interpreter boards/BANGLEJS2.py line 22: the display's terminal, Bluetooth; no USB data lines",
    budget: "core 12 pages, of which what parts need; image at most a slot of 128 kB",
  },
};
