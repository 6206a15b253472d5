import { Rec } from "../../flash/journal.ts";
import type { Bytes } from "../../hal/hal.ts";
import { Code } from "../../protocol/errors.ts";
import { Msg, SlotState } from "../../protocol/messages.ts";
import type { Kit } from "../kit.ts";
import { Part } from "../parts.ts";
import { readSlots } from "../slots.ts";
import { AppEvent, type ClientState } from "./client.ts";

/** Orders that a device gets once in its life, if ever: a person in the field vouches for the release on trial, and an
 *  image that failed may be taken again. Both may come twice. @returns (client, CONFIRM or CLEAR-POISON) → nothing
 *  Source: SPEC.md §9 */
export default (k: Kit) =>
  (c: ClientState, m: any[]): void => {
    let code = Code.Ok;
    if (m[0] === Msg.Confirm) {
      const slots = readSlots(k);
      const active = k.slot(slots);
      // An installed image that has not started yet is the active slot, but the old one still runs.
      if (!active || active[0] !== m[2] || (slots[5] && k.state !== SlotState.Trial))
        code = Code.NothingToConfirm;
      else if (slots[5]) {
        // Its effect answers it. The app is asked too, and its errors are its own: so not here.
        k.h.after(() => c.app(AppEvent.Judge, c, 2), 1);
        return;
      }
    } else {
      const last = k.get(Rec.Failed);
      const poison = (last && last[7]) || "";
      let kept: Bytes | "" = "";
      for (let i = 0; i < poison.length; i += 8) {
        const one = k.cut(poison, i, 8);
        if (!k.same(one, m[2])) kept = k.h.cat([kept, one]);
      }
      if (kept.length < poison.length) {
        // Sequence 0 is no image: what is forgiven is not told of as the last failure any more.
        if (k.same(last[1], m[2])) last[0] = 0;
        last[7] = kept;
        k.put(Rec.Failed, last);
      }
    }
    k.part(Part.Client)(c).say([Msg.OrderResult, m[1], code]);
  };
