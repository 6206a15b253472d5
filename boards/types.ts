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
  /** "anywhere" = also while an image runs; "cable" = by the core alone, over the line of serialPort; "never" = only by
   *  writing the board again, as the factory does */
  updates: "anywhere" | "cable" | "never";
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
  /** expression that keeps a watchdog of the chip's own quiet inside long work; absent = E.kickWatchdog(), where `watchdog` */
  feed?: string;
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
 *  - single: one slot, written by the core while nothing runs
 *  - fixed: no slot that could be written; identity, image and core stand together and are never erased
 *  Pages below zero lie before Storage, where only flash that the interpreter leaves alone may be named. */
export type FlashPlan = AbPlan | SinglePlan | FixedPlan;

interface Areas {
  journalPage: number;
  /** pages of one journal half; the journal has two halves, so it takes twice this */
  journalHalfPages: number;
  corePage: number;
  /** pages of Storage in all; `core` and `.boot0` fill corePage … totalPages − 1 to the last byte */
  totalPages: number;
}

interface Slotted extends Areas {
  slotAPage: number;
  slotPages: number;
}

export interface AbPlan extends Slotted {
  kind: "ab";
  slotBPage: number;
}

export interface SinglePlan extends Slotted {
  kind: "single";
}

/** File `core` begins in page 0 (corePage 0) and holds identity and image too; `.boot0` ends before the header of file
 *  `slots`, which is the journal alone and fills Storage to the last byte. */
export interface FixedPlan extends Areas {
  kind: "fixed";
  /** place of the image in page 0, bytes */
  imageAt: number;
  imageBytes: number;
}

type Planned = Pick<Board, "plan" | "pageBytes">;

/** Addresses of a board's images relative to flashStart, slot A first. */
export function slotAddresses({ plan, pageBytes }: Planned): number[] {
  if (plan.kind === "fixed") return [plan.imageAt];
  const pages = plan.kind === "ab" ? [plan.slotAPage, plan.slotBPage] : [plan.slotAPage];
  return pages.map((page) => page * pageBytes);
}

/** Most bytes of an image. */
export function slotBytesOf({ plan, pageBytes }: Planned): number {
  return plan.kind === "fixed" ? plan.imageBytes : plan.slotPages * pageBytes;
}

/** The first page that belongs to the firmware: below zero where it has flash before Storage. */
export function firstPageOf(plan: FlashPlan): number {
  return Math.min(0, plan.journalPage, plan.kind === "fixed" ? 0 : plan.slotAPage);
}
