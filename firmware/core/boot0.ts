import { type DrbgState, drbg, drbgBytes } from "../crypto/drbg.ts";
import { cut, hmac, same } from "../crypto/hmac.ts";
import { IdAt, identityIsValid, idText } from "../flash/identity.ts";
import { type Journal, Rec } from "../flash/journal.ts";
import { h, setHal } from "../hal/current.ts";
import { espruinoHal } from "../hal/espruino.ts";
import { decode, encode } from "../protocol/cbor.ts";
import { Code } from "../protocol/errors.ts";
import { failTextCharsMax, trialFailsMax } from "../protocol/limits.ts";
import { ResetReason, SlotState } from "../protocol/messages.ts";
import type { Kit } from "./kit.ts";
import type { State } from "./parts/state.ts";
import { Part } from "./parts.ts";
import { type BootRecord, countBoot, leaveSlot, noSlots, readSlots, slotOf } from "./slots.ts";

declare const require: (name: string) => any;

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

  setHal(espruinoHal());
  let random: DrbgState | null = null;
  const end = (code: Code, text: string, fails: number) => {
    k.put(Rec.Boot, [k.boot[0], k.boot[1], fails, code, text.slice(0, failTextCharsMax), k.log]);
    h.reboot();
  };
  const k: Kit = {
    h,
    js: [],
    serial: idText(IdAt.Serial, 24),
    // What is evaluated keeps the scope it was evaluated in: here that is one number.
    part: (p: Part) => (h.run(partText(p)) as any)(k),
    get: (type) =>
      (k.part(Part.Journal) as Journal).get(type) || (type === Rec.Slots ? noSlots() : null),
    put: (type, value) => (k.part(Part.Journal) as Journal).put(type, value),
    hmac,
    cut,
    same,
    encode: (v) => h.cat(encode(v) as any),
    decode,
    random(n) {
      if (!random) random = drbg(h.read(IdAt.Seed, 32), k.boot[0], k.serial);
      return drbgBytes(random, n);
    },
    image: "",
    resetReason: 0,
    state: SlotState.Recovery,
    boot: [0, 0, 0, 0, ""],
    log: "",
    crash(code, text) {
      // What a confirmed image ended with would be lost with the next start.
      if (BOARD.probe && k.state !== SlotState.Trial) k.part(Part.State).note(code, text);
      end(code, text, k.boot[2] + 1);
    },
    // On purpose: what failed before it is not the next image's.
    restart: (code) => end(code, "", 0),
  };
  process.on("uncaughtException", (e: unknown) => k.crash(Code.TrialCrashed, "" + e));

  decideBoot(k);
  try {
    // Here, and not inside the decision, whose scope the image's functions would keep.
    if (k.image) startImage(k, h.run(k.image));
    else k.part(Part.Recovery);
  } catch (e) {
    k.crash(Code.TrialCrashed, "" + e);
  }
})();

/** The image itself is garbage once its runtime has started. */
function startImage(k: Kit, image: any): void {
  image[0](k, image[1]);
}

/** A part's text. The table is made for this call only: kept, it would cost a variable per number. */
function partText(p: Part): string {
  const table = BOARD.parts;
  const n = table[p * 2 + 1]!;
  const text = h.text(table[p * 2]!, n < 0 ? -n : n);
  // A cold part is stored packed.
  return n < 0 ? h.str(require("heatshrink").decompress(text)) : text;
}

/** Counts the start, ends a trial that is over, and sets `k.image` to what is to run; "" = recovery.
 *  Source: SPEC.md §8 */
function decideBoot(k: Kit): void {
  const before: BootRecord = k.get(Rec.Boot) || k.boot;
  const reason = (BOARD.resetReason || 0) as number;
  const held = BOARD.button;
  const count = countBoot(before, readSlots(k)[5], reason === ResetReason.Watchdog);
  k.boot = count.boot;
  // What was noted before the restart says more than the chip, to which each of these is one by software.
  k.resetReason = !before[3]
    ? reason
    : before[3] === Code.UpdateInstalled || (BOARD.cable && before[3] === Code.UpdateInCore)
      ? ResetReason.Update
      : before[2]
        ? ResetReason.Crash
        : ResetReason.Software;
  k.log = before[5] || "";
  if (count.end) (k.part(Part.State) as State).leave(count.end, before[4]);
  k.log = "";
  // Persisted before the random source is used: no number of an earlier start comes again.
  k.put(Rec.Boot, k.boot);
  if (!identityIsValid() || k.get(Rec.Wipe) || held || k.boot[2] >= trialFailsMax) return;
  // For this start only: whatever becomes of the update, the next one runs what there is to run.
  if (BOARD.cable && before[3] === Code.UpdateInCore) return;
  // Twice at most: the active slot, then the other one if it may run.
  for (let tries = 0; tries < 2; tries++) {
    const slots = readSlots(k);
    const i = slots[0];
    const s = slotOf(slots, i);
    if (!s) return;
    const text = h.text(i ? BOARD.slotB : BOARD.slotA, s[1]);
    if (h.crc(text) >>> 0 === s[2]) {
      k.state = slots[5] ? SlotState.Trial : SlotState.Confirmed;
      k.image = text;
      return;
    }
    (k.part(Part.State) as State).note(Code.SlotCrc, "");
    const next = leaveSlot(slots);
    next[i + 1] = null;
    k.put(Rec.Slots, next);
  }
}
