import { abCablePromise } from "./promises.ts";
import type { Board } from "./types.ts";

/** ESP8266 with 4 MB: flash for two slots, but 1,600 variables and no SHA-256: it speaks and is updated at the cable. Its
 *  Wi-Fi is left alone. */
export const esp8266: Board = {
  id: "esp8266",
  name: "ESP8266 4 MB",
  chip: "ESP8266",
  variables: 1600,
  flashStart: 0xcb000,
  pageBytes: 4096,
  writeUnitBytes: 4,
  rewrite: "any-1-to-0",
  endurance: { erases: 100_000, blockBytes: 0, blockWritesMax: 0 },
  protectedRanges: [],
  plan: {
    kind: "ab",
    slotAPage: 1,
    slotBPage: 9,
    slotPages: 8,
    journalPage: 17,
    journalHalfPages: 1,
    corePage: 19,
    totalPages: 48,
  },
  updates: "cable",
  promise: abCablePromise,
  crypto: { sha256: false, aes: false },
  link: "serial",
  radio: { kind: "none", bitsPerS: 115_200 },
  serialPort: "Serial1",
  measure: {
    rssiDbm: 'require("Wifi").getDetails().rssi',
    resetReason:
      '({"power on":1,"reset pin":2,"wdt reset":3,"soft wdt":3,restart:4})[require("ESP8266").getResetInfo().reason]',
  },
  pins: { txd: "D1", rxd: "D3" },
  watchdog: false,
  feed: "poke32(0x60000914,0x73)",
  consoles: { usb: true, ble: false, telnet: true },
  budget: { coreBytes: 32_000, frameworkBytes: 8_000, appBytes: 20_000 },
  sources: {
    variables: "interpreter boards/ESP8266_4MB.py line 22",
    flashStart: "interpreter boards/ESP8266_4MB.py lines 55-57: 0x0CB000, 48 pages of 4096",
    pageBytes: "interpreter boards/ESP8266_4MB.py line 56",
    writeUnitBytes: "interpreter targets/esp8266/jshardware.c lines 1316-1343: 4 bytes at a time",
    rewrite: "SPI NOR flash clears any bit",
    endurance:
      "SPI NOR of the module, 100,000 erases as its makers state; which chip is fitted: [H]",
    protectedRanges:
      "interpreter targets/esp8266/jshardware.c lines 1319-1353: no check of Storage",
    plan: "SPEC.md §2: slots of 32 kB, two of journal, the rest is core",
    updates:
      "SPEC.md §9: verify and download need more than 1,600 variables beside an app and a socket",
    promise: "SPEC.md §2, §8, §9; swept by npm run powercut",
    crypto: "interpreter boards/ESP8266_4MB.py line 29: CRYPTO (SHA-1 only), no SHA256, no AES",
    link:
      "its USB bridge is a serial line: a gateway on the cable carries its frames. Not Wi-Fi: with MQTT a handshake took " +
      "1,657 variables (measured, 32-bit interpreter), and a broker lets go of who is silent for the minutes of a handshake",
    radio: "its frames go over the cable, at the console's 115200 baud",
    serialPort: "interpreter boards/ESP8266_4MB.py lines 20-21: EV_SERIAL1 at 115200",
    measure:
      "interpreter Wifi.getDetails; ESP8266.getResetInfo (targets/esp8266/user_main.c lines 86-88); not its supply",
    pins: "UART0 of the chip for its console; interpreter boards/ESP8266_4MB.py lines 62-63: no button, no LED",
    watchdog:
      "interpreter targets/esp8266/jshardware.c lines 647-654: enabling and kicking only print",
    feed:
      "the SDK's own watchdog bites after 3.2 s in which nothing returns to it, and nothing in the interpreter feeds it; " +
      "Espressif's UART driver feeds it so: WRITE_PERI_REG(0X60000914, 0x73). Whether that is enough for minutes: [H]",
    consoles:
      "interpreter boards/ESP8266_4MB.py lines 20, 27: EV_SERIAL1 by its USB bridge, TELNET",
    budget: "core 29 pages, of which what parts need; image at most a slot of 32 kB",
  },
};
