import type { Identity } from "../flash/identity.ts";
import type { Journal } from "../flash/journal.ts";
import type { Bytes, Hal, Piece } from "../hal/hal.ts";
import type { Code } from "../protocol/errors.ts";
import type { SlotState } from "../protocol/messages.ts";
import type { Part } from "./parts.ts";
import type { SlotsRecord } from "./slots.ts";

/** What the resident core offers to its parts and to the runtime in a slot: the core's published interface. */
export interface Kit {
  h: Hal;
  j: Journal;
  id: Identity;
  /** Evaluates a part in place and returns what it makes. Nothing is kept: drop the result and it is gone. */
  part(part: Part): any;
  hmac(key: Bytes, message: Piece): Bytes;
  hmacPads(p: Bytes, message: Piece): Bytes;
  pads(key: Bytes): Bytes;
  lp(fields: (Bytes | string)[]): Piece;
  cut(b: Bytes, o: number, n: number): Bytes;
  t16(b: Bytes): Bytes;
  same(a: Bytes, b: Bytes): boolean;
  encode(value: any): Bytes;
  decode(b: Bytes): any;
  /** n random bytes, 1..32 */
  random(n: number): Bytes;
  bootCount: number;
  resetReason: number;
  state: SlotState;
  slots: SlotsRecord;
  /** Writes the slots record and keeps it as `slots`. */
  putSlots(slots: SlotsRecord): void;
  /** Confirms the trial: slot, floor and key set in one record. */
  confirm(): void;
  /** Ends the running image for a reason and restarts; a trial counts it as a failure. Never returns on a device. */
  crash(code: Code, text: string): void;
  /** Restarts on purpose; `code` says why. */
  restart(code: Code): void;
  /** Forgets counted failures after a time of calm. */
  calm(): void;
  /** Switches to the other slot, not as a trial, and notes why this one was left. */
  leave(code: Code, text: string): void;
}
