import type { Kit } from "../../core/kit.ts";
import type { Client, ClientState } from "../../core/parts/client.ts";
import { Part } from "../../core/parts.ts";
import { Rec } from "../../flash/journal.ts";
import { Code } from "../../protocol/errors.ts";
import { Msg } from "../../protocol/messages.ts";
import { Own } from "../own.ts";

/** Orders that come once in a while: into local mode for good and back, what the log holds, and a command where the app
 *  declares none.
 *  @returns (client, order) → nothing. Source: SPEC.md §13, §14 */
export default (k: Kit) =>
  (client: ClientState, order: any[]): void => {
    const me: Client = k.part(Part.Client)(client);
    const told = [Msg.OrderResult, order[1], Code.Ok];
    if (order[0] === Msg.Sunset) {
      client.life[3] = order[2] ? -1 : 0;
      k.put(Rec.Life, client.life);
      client.isLocal = false;
      client.app(Own.Alone, client);
      // Told when it is durable; the check-in then says from when on the device is quiet.
      me.say(told);
      me.checkIn();
    }
    if (order[0] === Msg.Command) {
      if (order[3]) told[2] = Code.CommandUnknown;
      else told[3] = [k.resetReason, k.log, k.ended] as any;
      me.say(told);
    }
  };
