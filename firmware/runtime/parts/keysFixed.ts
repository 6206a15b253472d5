import type { Kit } from "../../core/kit.ts";
import type { ClientState } from "../../core/parts/client.ts";
import { Part } from "../../core/parts.ts";
import { Code } from "../../protocol/errors.ts";
import { Msg } from "../../protocol/messages.ts";

/** In the place of keys.ts where the image is fixed: key sets judge releases, and there are none to judge.
 *  @returns (client, KEYS message) → no update. Source: SPEC.md §12 */
export default (k: Kit) =>
  (c: ClientState, offer: any[]): null => {
    k.part(Part.Client)(c).say([Msg.Event, Code.SoftwareFixed, offer[1], 0, "keys"]);
    return null;
  };
