import { singlePromise } from "./promises.ts";
import type { Board } from "./types.ts";

/** Espruino WiFi: Storage is one erase page, so nothing in it can be erased alone: identity and core stand there. The three
 *  free sectors before it take the journal's halves and the slot. */
export const espruinowifi: Board = {
  id: "espruinowifi",
  name: "Espruino WiFi",
  chip: "STM32F411CE",
  variables: 8190,
  flashStart: 0x08010000,
  pageBytes: 16384,
  writeUnitBytes: 4,
  rewrite: "any-1-to-0",
  endurance: { erases: 10_000, blockBytes: 0, blockWritesMax: 0 },
  protectedRanges: [],
  plan: {
    kind: "single",
    slotAPage: -3,
    slotPages: 1,
    journalPage: -2,
    journalHalfPages: 1,
    corePage: 1,
    totalPages: 4,
  },
  updates: "cable",
  promise: singlePromise,
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
  budget: { coreBytes: 20_000, frameworkBytes: 5_200, appBytes: 11_000 },
  sources: {
    variables: "interpreter boards/ESPRUINOWIFI.py line 24",
    flashStart: "interpreter boards/ESPRUINOWIFI.py lines 68-72: 0x08010000, 1 page of 65536",
    pageBytes:
      "ST RM0383 §3.3: sectors 1 to 3 are of 16 kB, sector 4 of 64 kB is Storage; only the three are ever erased",
    writeUnitBytes: "interpreter targets/stm32/jshardware.c lines 3218-3223: words of 4 bytes",
    rewrite: "ST RM0383 §3.5.3: bits go from 1 to 0 without an erase, any number of times",
    endurance: "ST STM32F411 datasheet, flash memory endurance: 10,000 cycles",
    protectedRanges: "interpreter targets/stm32/jshardware.c lines 3178-3247: no check",
    plan:
      "interpreter targets/stm32/jshardware.c lines 3147-3150: three sectors of 16 kB at 0x08004000 are left free; " +
      "SPEC.md §2: two of them hold the journal, one the slot",
    updates: "SPEC.md §2: one slot, so only the core writes it",
    promise: "SPEC.md §2, §8, §9; swept by npm run powercut",
    crypto:
      "interpreter boards/ESPRUINOWIFI.py lines 38-39: CRYPTO, SHA256, and AES that TLS brings",
    link:
      "its Wi-Fi is a modem behind JavaScript modules (interpreter boards/ESPRUINOWIFI.py lines 50-51) that report no " +
      "lost network and cannot be tried without the modem: the core does not use it, a gateway on the cable carries its frames",
    radio: "its frames go over USB, full speed",
    serialPort: "interpreter boards/ESPRUINOWIFI.py line 45: USE_USB_OTG_FS",
    measure:
      "interpreter E.getAnalogVRef, E.getTemperature; ST RM0383 §6.3.20 RCC_CSR 0x40023874: the core reads and clears " +
      "its flags, the start-up leaves them (interpreter targets/stm32/jshardware.c lines 1268-1279): [H]",
    button:
      "interpreter boards/ESPRUINOWIFI.py line 82 BTN1: pin C13; held for three seconds it passes the board's own bootloader (targets/stm32_boot/utils.c lines 222-232)",
    pins: "interpreter boards/ESPRUINOWIFI.py lines 22-23, 82-83",
    watchdog: "interpreter targets/stm32/jshardware.c lines 3030-3050 jshEnableWatchDog",
    consoles:
      "interpreter boards/ESPRUINOWIFI.py lines 21-23: Serial1, and USB while it is plugged; no network of the core's",
    budget:
      "core 48 kB and the rest of page 0, of which what parts need; image at most a slot of 16 kB",
  },
};
