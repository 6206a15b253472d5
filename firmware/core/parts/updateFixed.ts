import { Code } from "../../protocol/errors.ts";
import { Msg } from "../../protocol/messages.ts";
import type { Kit } from "../kit.ts";
import { Part } from "../parts.ts";
import type { ClientState } from "./client.ts";
import type { Update } from "./update.ts";

/** In the place of update.ts where the image is fixed: refuses every offer without a write.
 *  @returns (client, sequence) → Update. Source: SPEC.md §9 */
export default (k: Kit) =>
  (c: ClientState, sequence: number): Update => {
    k.h.after(() => {
      c.update = null;
      c.refusal = [sequence, Code.SoftwareFixed];
      k.part(Part.Client)(c).say([Msg.Event, Code.SoftwareFixed, sequence, 0, ""]);
    }, 1);
    // Any function of the kit that ignores a BLOCK does.
    return { block: k.h.ms };
  };
