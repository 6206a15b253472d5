import { drbg } from "../crypto/drbg.ts";
import { cut, hmac, hmacPads, lp, pads, same, t16 } from "../crypto/hmac.ts";
import { readIdentity } from "../flash/identity.ts";
import { openJournal, Rec } from "../flash/journal.ts";
import { espruinoHal } from "../hal/espruino.ts";
import { decode, encode } from "../protocol/cbor.ts";
import { Code } from "../protocol/errors.ts";
import { failTextCharsMax, trialFailsMax } from "../protocol/limits.ts";
import { ResetReason, SlotState } from "../protocol/messages.ts";
import type { Kit } from "./kit.ts";
import { Part } from "./parts.ts";
import { type BootRecord, countBoot, leaveSlot, type SlotsRecord, slotOf } from "./slots.ts";

declare const require: (name: string) => any;
declare const process: any;

/** `.boot0`: runs at every start, never loops, always ends in a slot or in recovery.
 *  Consoles first: until they are closed, anyone in range can read the keys in one line. */
(() => {
  E.setConsole(null, { force: true });
  if (BOARD.consolesTelnet)
    try {
      require("TelnetServer").setOptions({ mode: "off" });
    } catch {
      // A build without the library has no telnet console to close.
    }
  if (BOARD.watchdog) E.enableWatchdog(20, true);

  const h = espruinoHal();
  const j = openJournal(h, BOARD.journal, BOARD.journalHalfBytes, BOARD.pageBytes);
  const id = readIdentity(h);
  let slots: SlotsRecord = j.get(Rec.Slots) || [2, null, null, 0, 0, 0, 0];
  const before: BootRecord = j.get(Rec.Boot) || [0, 0, 0, 0, ""];
  const reason = (BOARD.resetReason || 0) as number;
  const held = BOARD.button;
  const count = countBoot(before, slots[5], reason === ResetReason.Watchdog);
  let boot = count.boot;
  const address = (i: number) => (i ? BOARD.slotB : BOARD.slotA);
  let random: ((n: number) => Uint8Array) | null = null;

  const note = (code: Code, text: string) => {
    const s = slotOf(slots, slots[0]);
    if (s)
      j.put(Rec.Failed, [s[0], cut(s[3], 0, 8), code, boot[0], text.slice(0, failTextCharsMax)]);
  };
  const putSlots = (s: SlotsRecord) => {
    j.put(Rec.Slots, (k.slots = slots = s));
  };
  const end = (code: Code, text: string, fails: number) => {
    j.put(Rec.Boot, [boot[0], boot[1], fails, code, text.slice(0, failTextCharsMax)]);
    h.reboot();
  };
  const k: Kit = {
    h,
    j,
    id,
    part(p: Part) {
      // The table is made for this call only: kept, it would cost a variable per number.
      const table = BOARD.parts;
      return (h.run(h.text(table[p * 2]!, table[p * 2 + 1]!)) as any)(k);
    },
    hmac: (key, m) => hmac(h, key, m),
    hmacPads: (p, m) => hmacPads(h, p, m),
    pads: (key) => pads(key),
    lp,
    cut,
    t16,
    same,
    encode: (v) => h.cat(encode(v) as any),
    decode,
    random(n) {
      if (!random) random = drbg(h, id.seed(), boot[0], id.serial);
      return random(n);
    },
    bootCount: boot[0],
    resetReason:
      reason ||
      (before[3] === Code.UpdateInstalled ? ResetReason.Update : before[3] ? ResetReason.Crash : 0),
    state: SlotState.Recovery,
    slots,
    putSlots,
    confirm() {
      const s = slotOf(slots, slots[0])!;
      const next = slots.slice() as SlotsRecord;
      next[3] = s[4] > slots[3] ? s[4] : slots[3];
      next[5] = next[6] = 0;
      putSlots(next);
      k.state = SlotState.Confirmed;
      k.calm();
    },
    crash(code, text) {
      // What a confirmed image ended with would be lost with the next start.
      if (BOARD.probe && !slots[5]) note(code, text);
      end(code, text, boot[2] + 1);
    },
    restart: (code) => end(code, "", boot[2]),
    calm() {
      if (boot[1] || boot[2]) j.put(Rec.Boot, (boot = [boot[0], 0, 0, 0, ""]));
    },
    leave(code, text) {
      note(code, text);
      putSlots(leaveSlot(slots));
      end(code, text, 0);
    },
  };
  process.on("uncaughtException", (e: unknown) => k.crash(Code.TrialCrashed, "" + e));

  if (count.end) {
    note(count.end, before[4]);
    putSlots(leaveSlot(slots));
  }
  // Persisted before the random source is used: no number of an earlier start comes again.
  j.put(Rec.Boot, boot);

  let image: any = null;
  if (id.ok && !j.get(Rec.Wipe) && !held && boot[2] < trialFailsMax) {
    // Twice at most: the active slot, then the other one if it may run.
    for (let tries = 0; !image && tries < 2; tries++) {
      const i = slots[0];
      const s = slotOf(slots, i);
      if (!s) break;
      const text = h.text(address(i), s[1]);
      if (h.crc(text) >>> 0 === s[2]) {
        k.state = slots[5] ? SlotState.Trial : SlotState.Confirmed;
        try {
          image = h.run(text);
        } catch (e) {
          k.crash(Code.TrialCrashed, "" + e);
          return;
        }
      } else {
        note(Code.SlotCrc, "");
        const next = leaveSlot(slots);
        next[i + 1] = null;
        putSlots(next);
      }
    }
  }
  try {
    if (image) image[0](k, image[1]);
    else {
      k.state = SlotState.Recovery;
      k.part(Part.Recovery);
    }
  } catch (e) {
    k.crash(Code.TrialCrashed, "" + e);
  }
})();
