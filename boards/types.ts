/** One board as data. Every number names its source in the board file. */
export interface Board {
  id: string;
  name: string;
  chip: string;
  /** interpreter variables, or "runtime" where the interpreter computes them at boot */
  variables: number | "runtime";
  /** absolute address of Storage */
  flashStart: number;
  pageBytes: number;
  /** smallest write, and what a second write to the same unit may do */
  writeUnitBytes: 1 | 4 | 8;
  rewrite: "any-1-to-0" | "zero-only";
  plan: FlashPlan;
  crypto: { sha256: boolean; aes: boolean };
  /** how it reaches the agent: "serial" = through a gateway, "mqtt" = TCP of its own */
  link: "serial" | "mqtt";
  /** what its frames travel by, and how fast: bits per second there, for the airtime of a check-in */
  radio: { kind: "ble" | "wifi" | "none"; bitsPerS: number };
  /** interpreter global of the port that a cable or gateway speaks to */
  serialPort: "USB" | "Bluetooth" | "Serial1";
  /** expression evaluated once before the port is used (pins, speed); absent = the port is ready at start */
  serialSetup?: string;
  /** expressions evaluated by hal/espruino on this board; absent = the board cannot measure it */
  measure: {
    batteryMv?: string;
    temperatureDeciC?: string;
    rssiDbm?: string;
    resetReason?: string;
  };
  /** pin expression that reads true while the rescue button is held; absent = no button */
  button?: string;
  watchdog: boolean;
  /** test builds on the real interpreter: vitals also tell variables in use, now and at most */
  probe?: boolean;
  consoles: { usb: boolean; ble: boolean; telnet: boolean };
  budget: { coreBytes: number; frameworkBytes: number; appBytes: number; checkIn?: CheckInBudget };
  /** what each number above was read from or measured on */
  sources: Record<string, string>;
}

/** What a check-in with nothing else under way may cost, mean of ten. */
export interface CheckInBudget {
  /** both ways, with the carrier's framing */
  bytesMax: number;
  /** both ways at the rate of `radio`, its own framing left out */
  radioMsMax: number;
  /** operations */
  flashWritesMax: number;
  flashErasesMax: number;
}

/** Page numbers, relative to flashStart; all counts in pages. `slots` = identity + slot A + slot B + journal. */
export interface FlashPlan {
  kind: "ab";
  slotAPage: number;
  slotBPage: number;
  slotPages: number;
  journalPage: number;
  /** pages of one journal half; the journal has two halves, so it takes twice this */
  journalHalfPages: number;
  corePage: number;
  /** pages of Storage in all; `core` and `.boot0` fill corePage … totalPages − 1 to the last byte */
  totalPages: number;
}
