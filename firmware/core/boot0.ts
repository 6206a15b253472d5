import { type DrbgState, drbg, drbgBytes } from "../crypto/drbg.ts";
import { cut, hmac, same } from "../crypto/hmac.ts";
import { IdAt, idText } from "../flash/identity.ts";
import { type Journal, Rec } from "../flash/journal.ts";
import { h, setHal } from "../hal/current.ts";
import { espruinoHal } from "../hal/espruino.ts";
import { decode, encode } from "../protocol/cbor.ts";
import { Code } from "../protocol/errors.ts";
import { failTextCharsMax } from "../protocol/limits.ts";
import { SlotState } from "../protocol/messages.ts";
import { decideBoot } from "./decide.ts";
import type { Kit } from "./kit.ts";
import { Part } from "./parts.ts";
import { noSlots, slotIn } from "./slots.ts";

declare const require: (name: string) => any;
declare const global: any;

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
    Bytes: Uint8Array,
    serial: idText(IdAt.Serial, 24),
    // What is evaluated keeps the scope it was evaluated in: here that is one number.
    part: (p: Part) => (h.run(partText(p)) as any)(k),
    get: (type) =>
      (k.part(Part.Journal) as Journal).get(type) || (type === Rec.Slots ? noSlots() : null),
    put: (type, value) => (k.part(Part.Journal) as Journal).put(type, value),
    slot: slotIn,
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
    // On purpose: what failed before it is not the next image's. A probe build hands on what its core has measured.
    restart: (code) => end(code, BOARD.probe && BOARD.cable ? "" + global.PROBE : "", 0),
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
