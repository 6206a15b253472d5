import type { Kit } from "../../core/kit.ts";
import type { Client, ClientState } from "../../core/parts/client.ts";
import { Part } from "../../core/parts.ts";
import { Rec } from "../../flash/journal.ts";
import { Code } from "../../protocol/errors.ts";
import { commandTextCharsMax } from "../../protocol/limits.ts";
import { Msg } from "../../protocol/messages.ts";
import type { App } from "../app.ts";

/** Runs a command of the app at most once and tells its result: again, without running, when it is ordered again. In the
 *  image of an app that declares commands, and counted with it.
 *  @returns (client, COMMAND, the app, the agent's time at this start in seconds or 0 while it is not known) →
 *  nothing
 *  Source: SPEC.md §14 */
export default (k: Kit) =>
  (client: ClientState, order: any[], app: App, startedS: number): void => {
    const id = order[1];
    const name = order[3];
    const commands = app.commands!;
    let told = k.get(Rec.Command) || [0];
    let code = Code.Ok;
    let value: any = null;
    if (id !== told[0]) {
      if (id < told[0]) code = Code.CommandRan;
      else if (!startedS || startedS + k.h.ms() / 1000 > order[2]) code = Code.CommandExpired;
      else if (Object.keys(commands).indexOf(name) < 0) code = Code.CommandUnknown;
      else {
        // Before it runs: whatever ends it, it does not run again.
        k.put(Rec.Command, [id, Code.CommandRan, value]);
        try {
          value = commands[name]!(order[4]);
        } catch (e) {
          code = Code.CommandThrew;
          value = ("" + e).slice(0, commandTextCharsMax);
        }
        const isText = typeof value === "string";
        if (isText) value = value.replace(/[^ -~]/g, "?");
        if (
          isText
            ? value.length > commandTextCharsMax
            : value !== undefined &&
              value !== null &&
              typeof value !== "boolean" &&
              value !== (value | 0)
        ) {
          code = Code.CommandResult;
          value = null;
        }
        k.put(Rec.Command, [id, code, value]);
      }
      told = [id, code, value];
    }
    (k.part(Part.Client)(client) as Client).say([Msg.OrderResult].concat(told));
  };
