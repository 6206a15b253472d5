import type { Bytes } from "../../hal/hal.ts";
import { Code } from "../../protocol/errors.ts";
import type { Kit } from "../kit.ts";
import { Part } from "../parts.ts";
import type { ClientState } from "./client.ts";
import type { Plan } from "./suit.ts";

/** Judges a whole envelope a moment later, when the message that brought its last block is gone from memory, and so are
 *  the functions of the update: while LMS is at work, only the client's place is held. Then the update goes on by the plan or
 *  ends by the code. @returns (client, sequence, envelope) → nothing */
export default (k: Kit) =>
  (c: ClientState, sequence: number, envelope: Bytes | null): void => {
    // Any function of the kit that ignores a BLOCK does.
    c.update = { block: k.h.ms };
    k.h.after(() => {
      const bytes = envelope!.length;
      let verdict: Plan | Code;
      try {
        const manifest: Bytes = k.part(Part.Signed)(envelope);
        envelope = null;
        verdict = k.part(Part.Suit)(manifest);
      } catch (e) {
        verdict = typeof e === "number" ? e : Code.OutOfMemory;
      }
      if (c.update) c.update = k.part(Part.Update)(c, sequence, bytes, verdict);
    }, 1);
  };
