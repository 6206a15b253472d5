/// <reference path="./interpreter.d.ts" />
/** What a customer's app gets and gives. */

/** One setting that the owner may change, declared by the app. The agent checks a wish against it before it sends it, and the
 *  device checks it again; what does not fit is refused with a code and the value before it stays.
 *  Source: SPEC.md §10 */
export type Setting =
  | {
      type: "number";
      /** what holds until the owner sets something; a whole number within min..max */
      default: number;
      /** least and greatest value, whole numbers of 32 bits; default any */
      min?: number;
      max?: number;
      /** the only values allowed; default any */
      choices?: readonly number[];
    }
  | {
      type: "string";
      /** at most 48 characters of ASCII */
      default: string;
      /** most characters; default 48 */
      max?: number;
      choices?: readonly string[];
    }
  | { type: "boolean"; default: boolean };

/** What a command may be given and may return: printable ASCII of at most 48 characters, a whole number of 32 bits, true, false,
 *  or nothing. */
export type CommandValue = string | number | boolean | null | undefined;

/** Something that a person may have the app do, by `fleetling device command SERIAL NAME [ARGUMENT]`. It runs at most once
 *  for each order, also when a restart comes in between. Be quick: what takes longer than seconds belongs into a timer.
 *  @param argument null when none was given; the app checks it
 *  @returns what the person is told; anything but a CommandValue is refused by code 158
 *  @throws anything: its first 48 characters are told, by code 157, and the app goes on
 *  Source: SPEC.md §14 */
export type Command = (argument: string | number | boolean | null) => CommandValue;

/** Handed to `start`. It stays valid until the next start; keep it. */
export interface Device {
  /** serial from the factory: `[A-Z0-9-]{4,23}` */
  serial: string;
  /** Reports one reading of a declared metric; the agent gets least, greatest and last since its last answer.
   *  @param value any number, rounded to a whole one; NaN is no reading. Choose the unit so that whole numbers do: millivolt
   *  @throws "metric NAME is not declared" for a name that is not in `metrics`, longer than 16 characters, or the ninth */
  metric(name: string, value: number): void;
  /** Notes a line; lines are told with "|" between them. The last 96 characters of a start are kept when it ends by a crash or when its release is taken back,
   *  and told to the agent beside the reason. Nothing is written to flash before. @param text printable ASCII; anything
   *  else becomes "?" */
  log(text: string): void;
  /** Says that a person who stands at the device vouches for a release on trial: call it from a button that is meant for
   *  that. It counts where the release asks for it (`fleetling release sign --confirmed-by field`), vitals are inside their
   *  limits and `healthy()` agrees at this moment; else nothing happens, and the button may be pressed again.
   *  Source: SPEC.md §9 */
  confirm(): void;
  /** Value of a declared setting: the owner's, else its default. Costs no flash access.
   *  @returns undefined for a name that `settings` does not declare */
  setting(name: string): number | string | boolean | undefined;
  /** Calls fn each time the owner's settings or flags have changed. One function; a second call replaces the first. */
  onSettings(fn: () => void): void;
  /** True while the owner has this flag on and its expiry has not come. An expired flag stays off, also after a restart.
   *  Before the first contact of a start the last time known counts, which is at most a day behind. @param name at most 14
   *  characters. Source: SPEC.md §10 */
  flag(name: string): boolean;
}

/** A part of flash or a peripheral that holds owner data and must be gone after a wipe. */
export interface Region {
  name: string;
  /** clears it; called when a wipe is ordered, before keys are zeroed */
  clear?(): void;
}

/** The module that `fleetling build` takes. */
export interface App {
  /** Starts the app. Called once per start, when the device is claimed. An error here, or later in a callback, ends the
   *  start; three in a row end a trial. */
  start(device: Device): void;
  /** Anything but true keeps a release on trial from being confirmed; a string says why (at most 48 characters reach the
   *  agent). Asked after a time of calm, at each answer of the agent and each minute, until true or the trial's deadline.
   *  Default: healthy. */
  healthy?(): boolean | string;
  /** false holds the restart into a new release (a moving motor). Asked once a minute, at most a day. Default: ready. */
  readyToReboot?(): boolean;
  /** names of the app's metrics, at most 8, each at most 16 printable ASCII characters */
  metrics?: string[];
  /** what the owner may set, at most 16, by name: a letter, then letters, digits, `_`; at most 16 characters. A literal:
   *  `fleetling build` reads it and the release carries it to the agent. */
  settings?: { [name: string]: Setting };
  /** what a person may have the app do, at most 16, by name: a letter, then letters, digits, `_`; at most 16 characters. The
   *  framework's code for it, about 0.4 kB of the slot, counts with the app that declares any. */
  commands?: { [name: string]: Command };
  /** Days without an answer of the agent after which the device goes on by itself, in local mode. Default 30.
   *  Source: SPEC.md §13 */
  localAfterDays?: number;
  /** every place where owner data is kept; [] says that there is none. Required: a wipe must know. */
  regions: Region[];
}
