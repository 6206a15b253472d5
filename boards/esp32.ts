import type { Board } from "./types.ts";

/** ESP32: Wi-Fi, 224 pages of Storage, speaks MQTT itself. */
export const esp32: Board = {
  id: "esp32",
  name: "ESP32",
  chip: "ESP32",
  variables: "runtime",
  flashStart: 0x320000,
  pageBytes: 4096,
  writeUnitBytes: 4,
  rewrite: "any-1-to-0",
  plan: {
    kind: "ab",
    slotAPage: 1,
    slotBPage: 49,
    slotPages: 48,
    journalPage: 97,
    journalHalfPages: 1,
    corePage: 99,
    totalPages: 224,
  },
  crypto: { sha256: true, aes: true },
  link: "mqtt",
  serialPort: "Serial1",
  measure: {
    batteryMv: "E.getAnalogVRef()*1000",
    temperatureDeciC: "E.getTemperature()*10",
    rssiDbm: 'require("Wifi").getDetails().rssi',
  },
  button: "!digitalRead(D0)",
  watchdog: true,
  consoles: { usb: true, ble: true, telnet: true },
  budget: { coreBytes: 32_000, frameworkBytes: 20_000, appBytes: 170_000 },
  sources: {
    variables: "interpreter boards/ESP32.py: computed from heap at boot, at most 16383",
    flashStart: "interpreter boards/ESP32.py saved_code: 0x320000, 224 pages of 4096",
    writeUnitBytes: "SPI NOR flash; esp_flash_write needs 4-byte alignment when encrypted: kept",
    rewrite: "SPI NOR flash clears any bit",
    crypto: "interpreter boards/ESP32.py libraries CRYPTO, SHA256, AES",
    measure: "interpreter E.getAnalogVRef, E.getTemperature, Wifi.getDetails",
    budget: "design §5: framework 20 kB on Wi-Fi boards; core as large as parts need",
  },
};
