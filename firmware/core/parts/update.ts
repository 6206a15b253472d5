import { Rec } from "../../flash/journal.ts";
import type { Bytes } from "../../hal/hal.ts";
import { Code } from "../../protocol/errors.ts";
import { blockBytesMax, envelopeBytesMax, trialMinutesDefault } from "../../protocol/limits.ts";
import type { Kit } from "../kit.ts";
import { Part } from "../parts.ts";
import { otherOf, type SlotRecord, type SlotsRecord, slotOf } from "../slots.ts";
import type { State } from "./state.ts";
import type { Plan } from "./suit.ts";

/** [sequence, size, digest, manifest floor, slot, bytes done, trial minutes] */
type Download = [number, number, Bytes, number, number, number, number];

export interface Update {
  /** A BLOCK came; anything that was not asked for is ignored. */
  block(m: any[]): void;
  /** Asks again for what is missing; false when it has asked too often. */
  again(): boolean;
}

export interface UpdateHooks {
  sequence: number;
  manifestBytes: number;
  fetch(kind: number, offset: number, length: number): void;
  /** The update ended: UpdateInstalled, or the code of the refusal. */
  ended(code: Code, detail: number): void;
}

const asksMax = 6;

/** One update: manifest into RAM, verified before anything is written; then blocks into the other slot, page by page,
 *  with a checkpoint in the journal after each. Source: SPEC.md §9 */
export default (k: Kit) =>
  (u: UpdateHooks): Update => {
    const unit = 8;
    let asks = 0;
    let envelope: Bytes | null = null;
    let offset = 0;
    let download: Download | null = k.get(Rec.Download);
    if (download && download[0] !== u.sequence) download = null;

    const target = () => (k.slots[0] === 2 ? 0 : otherOf(k.slots));
    const address = (slot: number) => (slot ? BOARD.slotB : BOARD.slotA);
    const ask = () => {
      const total = download ? download[1] : u.manifestBytes;
      u.fetch(
        download ? 1 : 0,
        offset,
        total - offset < blockBytesMax ? total - offset : blockBytesMax,
      );
    };
    /** All that can be known before the first write. */
    const accept = (plan: Plan) => {
      const running = slotOf(k.slots, k.slots[0]);
      const failed = k.get(Rec.Failed);
      const battery = BOARD.batteryMv;
      if (plan[0] < k.slots[3]) throw Code.SequenceBelowFloor;
      if (plan[0] !== u.sequence || (running && plan[0] <= running[0])) throw Code.SequenceNotNewer;
      if (plan[3] > plan[0]) throw Code.FloorAboveSequence;
      if (!plan[1] || plan[1] > BOARD.slotBytes) throw Code.ImageTooLarge;
      if (failed && k.same(failed[1], k.cut(plan[2], 0, 8))) throw Code.ImagePoisoned;
      if (battery !== undefined && battery < plan[5]) throw Code.BatteryTooLow;
    };
    const begin = (plan: Plan) => {
      const slot = target();
      // The other slot stops counting as an image before its first page is erased.
      const slots = k.slots.slice() as SlotsRecord;
      slots[slot + 1] = null;
      (k.part(Part.State) as State).putSlots(slots);
      download = [plan[0], plan[1], plan[2], plan[3], slot, 0, plan[4] || trialMinutesDefault];
      k.put(Rec.Download, download);
      offset = 0;
    };
    const manifest = (m: any[]) => {
      const data: Bytes = m[5];
      if (m[4] > envelopeBytesMax || m[4] !== u.manifestBytes) throw Code.ManifestTooLarge;
      if (!envelope) envelope = new Uint8Array(u.manifestBytes);
      envelope.set(data, offset);
      offset += data.length;
      if (offset < u.manifestBytes) return ask();
      const whole = envelope;
      envelope = null;
      const plan: Plan = k.part(Part.Suit)(whole);
      accept(plan);
      begin(plan);
      u.ended(Code.UpdateStarted, 0);
      ask();
    };
    const finish = (d: Download) => {
      const text = k.h.text(address(d[4]), d[1]);
      if (!k.same(k.h.sha(text), d[2])) {
        k.put(Rec.Download, null);
        throw Code.ImageDigest;
      }
      const slots = k.slots.slice() as SlotsRecord;
      const slot: SlotRecord = [d[0], d[1], k.h.crc(text) >>> 0, d[2], d[3], d[6]];
      slots[d[4] + 1] = slot;
      slots[0] = d[4];
      slots[5] = 1;
      slots[6] = d[6];
      k.put(Rec.Download, null);
      (k.part(Part.State) as State).putSlots(slots);
      u.ended(Code.UpdateInstalled, d[1]);
    };
    const payload = (m: any[], d: Download) => {
      const data: Bytes = m[5];
      const base = address(d[4]);
      if (m[4] !== d[1] || offset + data.length > d[1]) throw Code.ImageTooLarge;
      if (offset % BOARD.pageBytes === 0) k.h.erase(base + offset);
      const padded = new Uint8Array((data.length + unit - 1) & -unit).fill(255);
      padded.set(data, 0);
      k.h.write(base + offset, padded);
      offset += data.length;
      if (offset >= d[1]) return finish(d);
      if (offset % BOARD.pageBytes === 0) {
        d[5] = offset;
        k.put(Rec.Download, d);
      }
      ask();
    };
    if (download) offset = download[5];
    ask();
    return {
      block(m) {
        if (m[2] !== u.sequence || m[1] !== (download ? 1 : 0) || m[3] !== offset) return;
        const whole = download ? download[1] : u.manifestBytes;
        const n = whole - offset < blockBytesMax ? whole - offset : blockBytesMax;
        if (!(m[5] instanceof Uint8Array) || m[5].length !== n) return;
        asks = 0;
        try {
          if (download) payload(m, download);
          else manifest(m);
        } catch (e) {
          u.ended(typeof e === "number" ? e : Code.OutOfMemory, offset);
        }
      },
      again() {
        if (++asks > asksMax) return false;
        ask();
        return true;
      },
    };
  };
