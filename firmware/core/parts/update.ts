import { Rec } from "../../flash/journal.ts";
import type { Bytes } from "../../hal/hal.ts";
import { Code } from "../../protocol/errors.ts";
import {
  envelopeBytesMax,
  retrievalStallsMax,
  sequenceJumpMax,
  trialMinutesDefault,
} from "../../protocol/limits.ts";
import { Msg, SlotState } from "../../protocol/messages.ts";
import type { Kit } from "../kit.ts";
import { Part } from "../parts.ts";
import { readSlots } from "../slots.ts";
import { AppEvent, type ClientState } from "./client.ts";
import type { Limits, Plan } from "./suit.ts";

/** [sequence, size, digest, manifest floor, slot, bytes done, trial minutes, vitals limits, downgrade ticket (0/1),
 *  may be packed (0 plain only, 1 any coding)] */
type Download = [
  number,
  number,
  Bytes,
  number,
  number,
  number,
  number,
  Limits | null,
  number,
  number,
];

export interface Update {
  /** A BLOCK came; anything that was not asked for is ignored. */
  block(m: any[]): void;
}

const asksMax = 6;
const stallMs = 4000;
const holdMs = 60_000;
/** A day: what the app may hold a restart at most. */
const holdsMax = 1440;
const unit = 8;

/** One update: manifest into RAM, verified before anything is written; then blocks into the other slot, page by page,
 *  with a checkpoint in the journal after each. @returns (client, sequence, envelope bytes, verdict of check.ts when it is in) → Update. Source: SPEC.md §9 */
export default (k: Kit) =>
  (c: ClientState, sequence: number, manifestBytes: number, verdict?: Plan | Code): Update => {
    let asks = 0;
    let stalls = 0;
    let stall: unknown = null;
    let envelope: Bytes | null = null;
    let offset = 0;
    let download: Download | null = k.get(Rec.Download);
    if (download && download[0] !== sequence) download = null;

    const say = (message: any[]) => k.part(Part.Client)(c).say(message);
    const address = (slot: number) => (slot ? BOARD.slotB : BOARD.slotA);
    const left = () => {
      const n = (download ? download[1] : manifestBytes) - offset;
      return n < BOARD.blockBytes ? n : BOARD.blockBytes;
    };
    /** What to FETCH: 0 manifest, 1 plain, 2 any coding, where the framework that runs brings the unpacker. */
    const kind = () => (download ? (download[9] && c.app(AppEvent.Unpack, c) ? 2 : 1) : 0);
    const ask = () => {
      say([Msg.Fetch, kind(), sequence, offset, left()]);
      // Behind it: without native hashes it takes a minute to send.
      stall = k.h.after(() => {
        stall = null;
        // Ended by NO, and perhaps replaced since.
        if (c.update !== me) return;
        // Either way the next check-in offers it again, and it goes on where it stood.
        if (++stalls > retrievalStallsMax) end(Code.RetrievalSlow);
        else if (++asks > asksMax) end(Code.RequestsDropped);
        else ask();
      }, stallMs);
    };
    const restartWhenReady = (code: Code, holds: number) => {
      if (holds < holdsMax && c.app(AppEvent.Ready, c) === false) {
        if (!holds) say([Msg.Event, Code.UpdateDeferred, sequence, 0, ""]);
        k.h.after(() => restartWhenReady(code, holds + 1), holdMs);
      } else k.h.after(() => k.restart(code), 500);
    };
    const end = (code: Code) => {
      say([Msg.Event, code, sequence, offset, ""]);
      // An installed one keeps its place until the restart: the agent goes on offering what does not run yet.
      if (code === Code.UpdateInstalled) restartWhenReady(code, 0);
      else {
        c.update = null;
        c.refusal = [sequence, code];
      }
    };
    const failed = (e: unknown) => {
      const code = typeof e === "number" ? e : Code.OutOfMemory;
      // A bad packing or patch costs time only, and only once; what flash refuses (200 and above) it would refuse again.
      if (!download || !download[9] || (e as number) >= 200) return end(code);
      download[5] = download[9] = offset = 0;
      k.put(Rec.Download, download);
      say([Msg.Event, Code.UpdateFellBack, sequence, code, ""]);
      ask();
    };
    /** All that can be known before the first write, and the first write. */
    const begin = (plan: Plan) => {
      const slots = readSlots(k);
      const running = k.slot(slots);
      const poison = (k.get(Rec.Failed) || [])[7] || "";
      const battery = BOARD.batteryMv;
      const slot = BOARD.single || slots[0] ? 0 : 1;
      const ticket = plan[8] === null ? 0 : 1;
      // How far it is ahead of what runs, or of the number below the floor where nothing does.
      const ahead = ticket ? 1 : plan[0] - (running ? running[0] : slots[3] - 1);
      if (ticket && plan[8] !== slots[3]) throw Code.TicketFloor;
      if (!ticket && plan[0] < slots[3]) throw Code.SequenceBelowFloor;
      if (plan[0] !== sequence || ahead < 1) throw Code.SequenceNotNewer;
      // A number near the last one there is would let no later release pass.
      if (ahead > sequenceJumpMax) throw Code.SequenceTooFar;
      if (plan[1] > BOARD.slotBytes) throw Code.ImageTooLarge;
      for (let i = 0; i < poison.length; i += 8)
        if (k.same(k.cut(poison, i, 8), k.cut(plan[2], 0, 8))) throw Code.ImagePoisoned;
      // Not measured compares as false.
      if (battery! < plan[5]) throw Code.BatteryTooLow;
      if (plan[7] && process.memory().free < plan[7]) throw Code.MemoryTooLow;
      // The slot stops counting as an image before its first page is erased.
      slots[slot + 1] = null;
      if (BOARD.single) {
        slots[0] = 2;
        slots[5] = slots[6] = 0;
      }
      k.put(Rec.Slots, slots);
      const minutes = plan[4] || trialMinutesDefault;
      download = [plan[0], plan[1], plan[2], plan[3], slot, 0, minutes, plan[6], ticket, 1];
      k.put(Rec.Download, download);
      offset = 0;
      say([Msg.Event, Code.UpdateStarted, sequence, plan[1], ""]);
      ask();
    };
    const finish = (d: Download) => {
      const text = k.h.text(address(d[4]), d[1]);
      if (!k.same(k.h.sha(text), d[2])) {
        if (!d[9]) k.put(Rec.Download, null);
        throw Code.ImageDigest;
      }
      k.put(Rec.Download, null);
      const slots = readSlots(k);
      slots[d[4] + 1] = [d[0], d[1], k.h.crc(text) >>> 0, d[2], d[3], d[6], d[8], d[7]];
      slots[0] = d[4];
      slots[5] = 1;
      slots[6] = d[6];
      k.put(Rec.Slots, slots);
      end(Code.UpdateInstalled);
    };
    /** Writes the next plain bytes: whole blocks, a shorter one at the end only. */
    const piece = (data: Bytes) => {
      const d = download!;
      if (data.length !== left()) throw Code.PatchMalformed;
      const at = address(d[4]) + offset;
      if (offset % BOARD.pageBytes === 0) k.h.erase(at);
      const padded = new Uint8Array((data.length + unit - 1) & -unit).fill(255);
      padded.set(data, 0);
      k.h.write(at, padded);
      offset += data.length;
    };
    /** Later, when the message is gone from memory; and an end, when the client knows this update. */
    const soon = (step: () => void) =>
      k.h.after(() => {
        try {
          step();
        } catch (e) {
          failed(e);
        }
      }, 1);
    const next = () => {
      const d = download;
      if (!d) {
        if (offset >= manifestBytes) return k.part(Part.Check)(c, sequence, envelope);
      } else if (offset >= d[1]) return finish(d);
      else if (offset % BOARD.pageBytes === 0) {
        d[5] = offset;
        k.put(Rec.Download, d);
      }
      ask();
    };
    if (download) offset = download[5];
    const refuse = (code: Code) => soon(() => end(code));
    // Before the manifest is fetched: to verify one takes what the cell has not got. Where there is no image left, it goes on.
    if (
      BOARD.updateBatteryMinMv &&
      (!BOARD.single || !download) &&
      BOARD.batteryMv! < BOARD.updateBatteryMinMv
    )
      refuse(Code.BatteryTooLow);
    else if (BOARD.cable && k.state !== SlotState.Recovery) {
      // The core takes it, with the line to itself and no app that waits.
      restartWhenReady(Code.UpdateInCore, 0);
    } else if (manifestBytes > envelopeBytesMax) refuse(Code.ManifestTooLarge);
    else if (!verdict) ask();
    else if (typeof verdict === "number") refuse(verdict);
    else soon(() => begin(verdict));
    const me: Update = {
      block(m) {
        const asked = kind();
        // Packed and patched blocks come only to who asked for any coding.
        if (m[1] > 1 ? asked < 2 : m[1] !== (asked && 1)) return;
        if (!stall || m[2] !== sequence || m[3] !== offset || !(m[5] instanceof Uint8Array)) return;
        k.h.cancel(stall);
        stall = null;
        asks = 0;
        // Shorter than what was signed or offered: the rest would be what stood there before.
        if (
          m[4] !== (download ? download[1] : manifestBytes) ||
          (m[1] < 2 && m[5].length !== left())
        )
          return end(Code.BundlePartial);
        try {
          if (m[1] > 1) c.app(AppEvent.Unpack, c, m, piece);
          else if (download) piece(m[5]);
          else {
            if (!envelope) envelope = new Uint8Array(manifestBytes);
            envelope.set(m[5], offset);
            offset += m[5].length;
          }
          soon(next);
        } catch (e) {
          failed(e);
        }
      },
    };
    return me;
  };
