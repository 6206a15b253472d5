import { type Board, slotAddresses } from "../../boards/index.ts";
import type { SlotRecord, SlotsRecord } from "../../firmware/core/slots.ts";

/** What stands in a slot, or the beginning of it. */
export interface SlotText {
  bytes: Uint8Array;
}

/** The slots of one device. A whole release is held once for all devices. */
export class SlotMemory {
  readonly #slots: [Uint8Array | null, Uint8Array | null];
  readonly #starts: [number, number];
  readonly #pageBytes: number;
  /** digest in hex → the very payload */
  readonly #payloads: Map<string, Uint8Array>;

  constructor(board: Board, first: Uint8Array, payloads: Map<string, Uint8Array>) {
    this.#slots = [first, null];
    const { plan, pageBytes } = board;
    // With one slot, the second begins behind all that is ever asked for.
    const [slotA, slotB = plan.totalPages * pageBytes] = slotAddresses(board);
    this.#starts = [slotA!, slotB];
    this.#pageBytes = pageBytes;
    this.#payloads = payloads;
  }

  text(addr: number, len: number): SlotText {
    const bytes = this.#slots[this.#slotAt(addr)] ?? new Uint8Array(0);
    return { bytes: bytes.length === len ? bytes : bytes.subarray(0, len) };
  }

  read(addr: number, len: number): Uint8Array {
    const slot = this.#slotAt(addr);
    const from = addr - this.#starts[slot];
    return (this.#slots[slot] ?? new Uint8Array(0)).subarray(from, from + len);
  }

  erase(addr: number): void {
    const slot = this.#slotAt(addr);
    const from = addr - this.#starts[slot];
    const kept = this.#slots[slot];
    const bytes = new Uint8Array(from + this.#pageBytes).fill(255);
    if (from > 0 && kept !== null) bytes.set(kept.subarray(0, from));
    this.#slots[slot] = bytes;
  }

  write(addr: number, data: Uint8Array): void {
    const slot = this.#slotAt(addr);
    this.#slots[slot]?.set(data, addr - this.#starts[slot]);
  }

  /** What the record says is whole becomes the one copy of it. */
  share(record: SlotsRecord): void {
    for (const at of [0, 1] as const) {
      const slot = record[at + 1] as SlotRecord | null;
      const bytes = this.#slots[at];
      if (slot === null || bytes === null || bytes.length === slot[1]) continue;
      const whole = this.#payloads.get(Buffer.from(slot[3]).toString("hex"));
      if (whole !== undefined) this.#slots[at] = whole;
    }
  }

  #slotAt(addr: number): 0 | 1 {
    return addr >= this.#starts[1] ? 1 : 0;
  }
}
