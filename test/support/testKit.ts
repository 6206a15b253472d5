import type { Kit } from "../../firmware/core/kit.ts";
import check from "../../firmware/core/parts/check.ts";
import frames from "../../firmware/core/parts/frames.ts";
import handshake from "../../firmware/core/parts/handshake.ts";
import lms from "../../firmware/core/parts/lms.ts";
import signed from "../../firmware/core/parts/signed.ts";
import state from "../../firmware/core/parts/state.ts";
import suit from "../../firmware/core/parts/suit.ts";
import update from "../../firmware/core/parts/update.ts";
import { Part } from "../../firmware/core/parts.ts";
import { noSlots, slotIn } from "../../firmware/core/slots.ts";
import { drbg, drbgBytes } from "../../firmware/crypto/drbg.ts";
import { cut, hmac, same } from "../../firmware/crypto/hmac.ts";
import { Rec } from "../../firmware/flash/journal.ts";
import { setHal } from "../../firmware/hal/current.ts";
import type { Hal } from "../../firmware/hal/hal.ts";
import { decode, encode } from "../../firmware/protocol/cbor.ts";

/** Kit over a HAL on Node, with the parts' own TypeScript. What a test does not give is missing on purpose. */
export function testKit(h: Hal, given: Partial<Kit>): Kit {
  setHal(h);
  const random = drbg(new Uint8Array(32), 1, "TEST");
  const k = {
    h,
    js: [],
    image: "",
    part(p: Part) {
      if (p === Part.Frames) return frames(k);
      if (p === Part.Handshake) return handshake(k);
      if (p === Part.Lms) return lms(k);
      if (p === Part.Signed) return signed(k);
      if (p === Part.Suit) return suit(k);
      if (p === Part.Check) return check(k);
      if (p === Part.State) return state(k);
      if (p === Part.Update) return update(k);
      throw new Error(`part ${p} is not in the test kit`);
    },
    slot: slotIn,
    hmac,
    cut,
    same,
    encode: (v: unknown) => h.cat(encode(v) as never),
    decode,
    random: (n: number) => drbgBytes(random, n),
    resetReason: 0,
    state: 0,
    boot: [1, 0, 0, 0, ""],
    ...given,
  } as unknown as Kit;
  const get = k.get;
  if (get) k.get = (type) => get(type) || (type === Rec.Slots ? noSlots() : null);
  return k;
}

/** Puts the build's constants where device modules read them when they run as plain TypeScript. */
export function setBoard(values: Record<string, unknown>): void {
  (globalThis as { BOARD?: unknown }).BOARD = values;
}
