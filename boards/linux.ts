import type { Board } from "./types.ts";

/** Espruino for Linux: flash is 256 pages of 1 kB in a file, TCP by the host. */
export const linux: Board = {
  id: "linux",
  name: "Espruino for Linux",
  chip: "LINUX",
  variables: "runtime",
  flashStart: 0x10000000,
  pageBytes: 1024,
  writeUnitBytes: 4,
  rewrite: "any-1-to-0",
  plan: {
    kind: "ab",
    slotAPage: 1,
    slotBPage: 65,
    slotPages: 64,
    journalPage: 129,
    journalHalfPages: 4,
    corePage: 137,
    totalPages: 256,
  },
  crypto: { sha256: true, aes: false },
  link: "mqtt",
  serialPort: "USB",
  measure: {},
  watchdog: false,
  consoles: { usb: true, ble: false, telnet: true },
  budget: { coreBytes: 32_000, frameworkBytes: 20_000, appBytes: 40_000 },
  sources: {
    variables: "interpreter boards/LINUX.py: variables 0 = resizable",
    flashStart:
      "interpreter targets/linux: FLASH_START 0x10000000, 256 pages of 1024 in espruino.flash",
    writeUnitBytes: "the host has none; 4 is what the strictest of our other boards needs",
    rewrite: "targets/linux/jshardware.c: ANDs bits",
    crypto: "interpreter boards/LINUX.py libraries CRYPTO, SHA256, AES_CCM: no AES-CTR",
    measure: "the host gives neither battery nor reset reason",
    budget: "design §5: framework 20 kB on boards with a network",
  },
};
