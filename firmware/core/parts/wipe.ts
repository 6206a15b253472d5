import { forget, IdAt } from "../../flash/identity.ts";
import { type Journal, Rec } from "../../flash/journal.ts";
import { setHal } from "../../hal/current.ts";
import { Code } from "../../protocol/errors.ts";
import { Lifecycle, WipeMode } from "../../protocol/messages.ts";
import type { Kit } from "../kit.ts";
import { Part } from "../parts.ts";
import { readSlots, type SlotsRecord } from "../slots.ts";
import type { LmsSign } from "./lmsSign.ts";

/** Carries out the wipe that the journal orders; every step may be repeated, so every start resumes it.
 *  Keys are zeroed in place before anything is erased; the signed receipt is in the journal before the receipt key goes.
 *  @returns (order or null) → nothing; ends with a restart. order = the WIPE message
 *  Source: SPEC.md §7; protocol rules "Wipe" */
export default (k: Kit) =>
  (order: any[] | null): void => {
    setHal(k.h);
    const j: Journal = k.part(Part.Journal);
    if (order) {
      const key = j.get(Rec.Key);
      const life = j.get(Rec.Life) || [0, 0, 60];
      const epoch = key ? key[0] : 0;
      // A receipt of an earlier life must not pass for this one's.
      j.put(Rec.Receipt, null);
      // The intent first: from here every start comes back to this place. The record is a secret one, because it
      // carries the key of the next life.
      j.put(Rec.Wipe, [
        1,
        order[1],
        order[2],
        order[3],
        order[4],
        epoch,
        k.boot[0],
        life[1],
        order[5],
      ]);
    }
    const slots = readSlots(k);
    const w = j.get(Rec.Wipe);
    const scrap = w[2] === WipeMode.Scrap;
    if (!j.get(Rec.Receipt)) {
      forget(scrap ? 1 : 0);
      const key = j.get(Rec.Key);
      if (w[8]) {
        const none = new Uint8Array(32);
        if (!key || key[0] <= w[5]) j.put(Rec.Key, [w[5] + 1, w[8], none, new Uint8Array(8), 1]);
      } else if (key) j.put(Rec.Key, null);
      j.put(Rec.Settings, null);
      if (scrap) {
        const none: SlotsRecord = [2, null, null, slots[3], slots[4], 0, 0];
        if (slots[0] !== 2) j.put(Rec.Slots, none);
        if (!BOARD.fixed)
          for (let a = BOARD.slotA; a < BOARD.slotA + BOARD.slotBytes; a += BOARD.pageBytes)
            k.h.erase(a);
        if (!BOARD.single && !BOARD.fixed)
          for (let a = BOARD.slotB; a < BOARD.slotB + BOARD.slotBytes; a += BOARD.pageBytes)
            k.h.erase(a);
      }
      j.shed(
        (t) =>
          t === Rec.Boot || t === Rec.Wipe || t === Rec.Life || t === Rec.Slots || t === Rec.Key,
      );
      const pages = BOARD.slotBytes / BOARD.pageBytes;
      const region = (name: string, addr: number) => [
        name,
        pages,
        k.cut(k.h.sha(k.h.text(addr, BOARD.slotBytes)), 0, 8),
      ];
      const coverage = scrap && !BOARD.fixed ? [region("slotA", BOARD.slotA)] : [];
      if (scrap && !BOARD.single && !BOARD.fixed) coverage.push(region("slotB", BOARD.slotB));
      const body = k.encode([1, k.serial, w[1], w[2], w[3], w[5], w[6], w[7], coverage]);
      const sign: LmsSign = k.part(Part.LmsSign);
      j.put(Rec.Receipt, [
        body,
        sign(k.h.read(IdAt.ReceiptI, 16), k.h.read(IdAt.ReceiptSeed, 24), body),
      ]);
    }
    // The receipt key has signed its one thing.
    forget(scrap ? 2 : 3);
    const key = j.get(Rec.Key);
    const life = j.get(Rec.Life) || [0, 0, 60];
    j.put(Rec.Life, [key ? Lifecycle.Released : Lifecycle.Retired, life[1], life[2]]);
    j.put(Rec.Wipe, [2, w[1], w[2], w[3], w[4], w[5], w[6], w[7], null]);
    k.restart(Code.WipeInProgress);
  };
