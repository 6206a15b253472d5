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
  endurance: Endurance;
  /** what the driver refuses to write, in silence; absolute, `to` is exclusive; empty = nothing */
  protectedRanges: readonly { from: number; to: number }[];
  plan: FlashPlan;
  /** "anywhere" = also while an image runs; "cable" = by the core alone, over the line of serialPort */
  updates: "anywhere" | "cable";
  /** what an interrupted or bad update leaves, in words that hold */
  promise: string;
  /** SHA-256 and AES-CTR of the interpreter; copies = a text in flash is copied to the stack to be hashed */
  crypto: { sha256: boolean; aes: boolean; copies?: true };
  /** how it reaches the agent: "serial" = through a gateway, "mqtt" = TCP of its own */
  link: "serial" | "mqtt";
  /** what its frames travel by, and how fast: bits per second there, for the airtime of a check-in */
  radio: { kind: "ble" | "wifi" | "none"; bitsPerS: number };
  /** interpreter global of the port that a cable or gateway speaks to */
  serialPort: "USB" | "Bluetooth" | "Serial1" | "Serial2";
  /** expression evaluated once before the port is used (pins, speed); absent = the port is ready at start */
  serialSetup?: string;
  /** expressions evaluated by hal/espruino on this board; absent = the board cannot measure it */
  measure: {
    batteryMv?: string;
    temperatureDeciC?: string;
    rssiDbm?: string;
    resetReason?: string;
  };
  /** least supply, by `measure.batteryMv`, at which an update is fetched, whatever the release asks for; absent = any */
  updateBatteryMinMv?: number;
  /** pin expression that reads true while the rescue button is held; absent = no button */
  button?: string;
  /** pins that the board has a use for, by what they are for; empty = none */
  pins: Record<string, string>;
  watchdog: boolean;
  /** test builds on the real interpreter: vitals also tell variables in use, now and at most */
  probe?: boolean;
  /** ways to a prompt that are open until the core closes them */
  consoles: { usb: boolean; ble: boolean; telnet: boolean };
  budget: { coreBytes: number; frameworkBytes: number; appBytes: number; checkIn?: CheckInBudget };
  /** what each number above was read from or measured on; [H] = only hardware can tell */
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

/** What a page bears. 0 = no limit that is known. */
export interface Endurance {
  /** erases of one page */
  erases: number;
  /** between two erases, this many writes to one block of so many bytes */
  blockBytes: number;
  blockWritesMax: number;
}

/** Page numbers, relative to flashStart; all counts in pages. `slots` = identity + slots + journal.
 *  - ab: two slots; one is written while the other one runs
 *  - single: one slot, written by the core while nothing runs */
export type FlashPlan = AbPlan | SinglePlan;

interface Areas {
  slotAPage: number;
  slotPages: number;
  journalPage: number;
  /** pages of one journal half; the journal has two halves, so it takes twice this */
  journalHalfPages: number;
  corePage: number;
  /** pages of Storage in all; `core` and `.boot0` fill corePage … totalPages − 1 to the last byte */
  totalPages: number;
}

export interface AbPlan extends Areas {
  kind: "ab";
  slotBPage: number;
}

export interface SinglePlan extends Areas {
  kind: "single";
}

/** A board that Fleetling does not run on, with the facts that decide it. */
export interface ListedBoard {
  id: string;
  name: string;
  chip: string;
  variables: number;
  /** why there is no plan, in numbers */
  reason: string;
  sources: Record<string, string>;
}

/** First pages of a plan's slots, slot A first. */
export function slotStartPages(plan: FlashPlan): number[] {
  return plan.kind === "ab" ? [plan.slotAPage, plan.slotBPage] : [plan.slotAPage];
}
