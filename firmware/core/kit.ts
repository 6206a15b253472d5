import type { Rec } from "../flash/journal.ts";
import type { Bytes, Hal, Piece } from "../hal/hal.ts";
import type { Code } from "../protocol/errors.ts";
import type { SlotState } from "../protocol/messages.ts";
import type { Part } from "./parts.ts";
import type { BootRecord, SlotRecord, SlotsRecord } from "./slots.ts";

/** What the resident core offers to its parts and to the runtime in a slot: the core's published interface. */
export interface Kit {
  h: Hal;
  /** state of the journal between uses */
  js: number[];
  serial: string;
  /** the running slot's text, in place; "" in recovery */
  image: string;
  /** Evaluates a part in place and returns what it makes. Nothing is kept: drop the result and it is gone. */
  part(part: Part): any;
  /** The newest record of a type, null when there is none; there always is one of slots. */
  get(type: Rec): any;
  /** Appends a record; durable when it returns. @throws a Code of the flash */
  put(type: Rec, value: any): void;
  /** The active slot's record or the other one's, see slotIn. */
  slot(slots: SlotsRecord, isOther?: unknown): SlotRecord | null;
  hmac(key: Bytes, message: Piece): Bytes;
  cut(b: Bytes, o: number, n: number): Bytes;
  same(a: ArrayLike<number>, b: ArrayLike<number>): boolean;
  /** Uint8Array, whose name is long: the build writes this one for it */
  Bytes: typeof Uint8Array;
  encode(value: any): Bytes;
  decode(b: Bytes): any;
  /** n random bytes, 1..32 */
  random(n: number): Bytes;
  resetReason: number;
  state: SlotState;
  boot: BootRecord;
  /** the record of the start before, when that ended by itself: by a crash or on purpose */
  ended?: BootRecord;
  /** [code of the last join that failed, joins that failed] since the agent last answered; boards with Wi-Fi only */
  off?: number[] | null;
  /** last lines that the running image logged, at most failLogCharsMax: kept when it ends, and told when it failed */
  log: string;
  /** Ends the running image for a reason and restarts; a trial counts it as a failure. Never returns on a device. */
  crash(code: Code, text: string): void;
  /** Restarts on purpose; `code` says why. */
  restart(code: Code): void;
}
