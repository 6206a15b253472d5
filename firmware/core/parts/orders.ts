import { forget } from "../../flash/identity.ts";
import { Rec } from "../../flash/journal.ts";
import { setHal } from "../../hal/current.ts";
import { Code } from "../../protocol/errors.ts";
import { Lifecycle, Msg } from "../../protocol/messages.ts";
import type { Kit } from "../kit.ts";
import { Part } from "../parts.ts";
import { otherOf, slotOf } from "../slots.ts";
import { AppEvent, type ClientState } from "./client.ts";
import type { Update } from "./update.ts";

const stallMs = 4000;
const holdMs = 60_000;
/** A day: what the app may hold a restart at most. */
const holdsMax = 1440;

/** Carries out one message from the cloud other than a BLOCK. @returns (client, message) → nothing. Source: SPEC.md §4.2 */
export default (k: Kit) =>
  (c: ClientState, m: any[]): void => {
    const h = k.h;
    setHal(h);
    /** The app's code runs outside the message's own error handling: its errors are its own. */
    const hook = (event: AppEvent) => {
      h.after(() => c.app(event, c), 1);
    };
    const putLife = (lifecycle: number, timeS: number, checkInS: number) => {
      c.life = [lifecycle, timeS, checkInS];
      k.put(Rec.Life, c.life);
    };
    const restartWhenReady = (holds: number) => {
      if (holds < holdsMax && c.app(AppEvent.Ready, c) === false)
        h.after(() => restartWhenReady(holds + 1), holdMs);
      else h.after(() => k.restart(Code.UpdateInstalled), 500);
    };
    const offered = (sequence: number, manifestBytes: number) => {
      let stall: unknown = null;
      const watch = () => {
        if (stall) h.cancel(stall);
        stall = h.after(() => {
          stall = null;
          if (c.update && !c.update.again()) c.update = null;
        }, stallMs);
      };
      c.update = k.part(Part.Update)({
        sequence,
        manifestBytes,
        fetch(kind: number, offset: number, length: number) {
          c.say([Msg.Fetch, kind, sequence, offset, length]);
          watch();
        },
        ended(code: Code, detail: number) {
          c.say([Msg.Event, code, sequence, detail, ""]);
          if (code === Code.UpdateStarted) return;
          c.update = null;
          if (code === Code.UpdateInstalled) restartWhenReady(0);
          else c.refusal = [sequence, code];
        },
      }) as Update;
    };
    const granted = () => {
      const key = k.get(Rec.Key);
      const epoch = key ? key[0] : 0;
      if (m[2] === epoch + 1) {
        k.put(Rec.Key, [m[2], m[3], m[4], m[1], 0]);
        forget(0);
      } else if (m[2] !== epoch || !k.same(m[1], key[3])) {
        return c.say([Msg.Event, Code.GrantWrong, 0, m[2], ""]);
      }
      c.life[2] = m[5];
      c.say([Msg.Commit, m[1], k.t16(k.hmac(m[3], k.lp(["FL1-commit", k.serial, m[1]])))]);
    };
    const claimed = () => {
      const key = k.get(Rec.Key);
      // A cut between the two records leaves the first one alone: the repeated ACK brings the second.
      if (!key || (key[4] && c.life[0] === Lifecycle.Operating)) return;
      if (!key[4]) k.put(Rec.Key, [key[0], key[1], key[2], key[3], 1]);
      putLife(Lifecycle.Operating, c.life[1]!, c.life[2]!);
      c.hello();
      hook(AppEvent.Claimed);
    };
    const revert = () => {
      const other = slotOf(k.slots, otherOf(k.slots));
      const code =
        !other || other[0] !== m[2]
          ? Code.RevertNoSlot
          : other[0] < k.slots[3]
            ? Code.RevertBelowFloor
            : 0;
      c.say([Msg.OrderResult, m[1], code]);
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
        if (m[2] !== c.life[2] || m[1] - c.life[1]! > 86_400) putLife(c.life[0]!, m[1], m[2]);
        c.later(m[2] * 1000);
        hook(AppEvent.Reply);
        if (m[3] && !c.update && !k.slots[5]) offered(m[3][0], m[3][1]);
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
        c.say([Msg.OrderResult, m[1], 0]);
        h.after(() => {
          c.app(AppEvent.Wipe, c);
          k.part(Part.Wipe)(m);
        }, 300);
        break;
      case Msg.Settings:
        k.put(Rec.Settings, [m[1], m[2]]);
        hook(AppEvent.Settings);
        break;
    }
  };
