import { lp } from "../../crypto/hmac.ts";
import { IdAt } from "../../flash/identity.ts";
import { Rec } from "../../flash/journal.ts";
import { Code } from "../../protocol/errors.ts";
import { Lifecycle, Msg, SlotState } from "../../protocol/messages.ts";
import type { Kit } from "../kit.ts";
import { Part } from "../parts.ts";
import { readSlots } from "../slots.ts";
import { AppEvent, type Client, type ClientState } from "./client.ts";

/** Carries out one message from the cloud other than a BLOCK. @returns (client, message) → nothing. Source: SPEC.md §4.2 */
export default (k: Kit) =>
  (c: ClientState, m: any[]): void => {
    const h = k.h;
    const client: Client = k.part(Part.Client)(c);
    /** The app's code runs outside the message's own error handling: its errors are its own. */
    const hook = (event: AppEvent) => {
      h.after(() => c.app(event, c, m), 1);
    };
    const putLife = (lifecycle: number, timeS: number, checkInS: number) => {
      c.life = [lifecycle, timeS, checkInS, c.life[3] || 0];
      k.put(Rec.Life, c.life);
    };
    const granted = () => {
      const key = k.get(Rec.Key);
      const epoch = key ? key[0] : 0;
      if (m[2] === epoch + 1) {
        k.put(Rec.Key, [m[2], m[3], m[4], m[1], 0]);
        // Zeroed once: a unit may not be written a third time.
        if (h.read(IdAt.DeviceKey, 32).some((x) => x)) h.write(IdAt.DeviceKey, new Uint8Array(32));
      } else if (m[2] !== epoch || !k.same(m[1], key[3])) {
        return client.say([Msg.Event, Code.GrantWrong, 0, m[2], ""]);
      }
      c.life[2] = m[5];
      const proof = k.cut(k.hmac(m[3], lp(["FL1-commit", k.serial, m[1]])), 0, 16);
      client.say([Msg.Commit, m[1], proof]);
    };
    const claimed = () => {
      const key = k.get(Rec.Key);
      // A cut between the two records leaves the first one alone: the repeated ACK brings the second.
      if (!key || (key[4] && c.life[0] === Lifecycle.Operating)) return;
      if (!key[4]) k.put(Rec.Key, [key[0], key[1], key[2], key[3], 1]);
      putLife(Lifecycle.Operating, c.life[1]!, c.life[2]!);
      client.hello();
      hook(AppEvent.Claimed);
    };
    const revert = () => {
      const slots = readSlots(k);
      const other = k.slot(slots, 1);
      const code =
        !other || other[0] !== m[2]
          ? Code.RevertNoSlot
          : other[0] < slots[3]
            ? Code.RevertBelowFloor
            : 0;
      client.say([Msg.OrderResult, m[1], code]);
      if (code) return;
      h.after(() => {
        k.part(Part.State).leave(Code.RevertOrdered, "");
        k.restart(Code.RevertOrdered);
      }, 300);
    };
    switch (m[0]) {
      case Msg.Reply:
        if (c.waiting) c.ok++;
        c.waiting = 0;
        if (BOARD.wifi) k.off = null;
        if (m[2] !== c.life[2] || m[1] - c.life[1]! > 86_400)
          putLife(c.life[0]!, Math.max(m[1], c.life[1]!), m[2]);
        client.later(m[2] * 1000);
        hook(AppEvent.Reply);
        if (m[3] && !c.update && k.state !== SlotState.Trial)
          c.update = k.part(Part.Update)(c, m[3][0], m[3][1]);
        break;
      case Msg.No:
        c.update = null;
        break;
      case Msg.Grant:
        granted();
        break;
      case Msg.Ack:
        claimed();
        break;
      case Msg.Revert:
        revert();
        break;
      case Msg.Wipe:
        client.say([Msg.OrderResult, m[1], 0]);
        h.after(() => {
          c.app(AppEvent.Wipe, c);
          k.part(Part.Wipe)(m);
        }, 300);
        break;
      case Msg.Confirm:
      case Msg.ClearPoison:
        k.part(Part.Overrule)(c, m);
        break;
      default:
        hook(AppEvent.Order);
    }
  };
