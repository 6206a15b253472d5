import { Rec } from "../../flash/journal.ts";
import type { Bytes } from "../../hal/hal.ts";
import { Code } from "../../protocol/errors.ts";
import { helloWantedPauseMs } from "../../protocol/limits.ts";
import { Lifecycle, Msg } from "../../protocol/messages.ts";
import type { Kit } from "../kit.ts";
import { Part } from "../parts.ts";
import { otherOf, slotOf } from "../slots.ts";
import type { Frames } from "./frames.ts";
import type { Handshake } from "./handshake.ts";
import type { Send } from "./linkSerial.ts";
import type { Update } from "./update.ts";

/** What the runtime adds to a connection; recovery adds nothing. */
export interface ClientHooks {
  vitals?(): any;
  metrics?(): any;
  /** the agent answered a check-in */
  reply?(): void;
  /** the claim is committed */
  claimed?(): void;
  settings?(): void;
  /** a wipe was ordered: clear the app's own data now */
  wipe?(): void;
  /** false holds the reboot into a new image */
  ready?(): boolean;
}

export interface Client {
  checkIn(): void;
  /** check-ins answered and not answered since start */
  ok: number;
  failed: number;
}

const answerMs = 8000;
const stallMs = 4000;
const retryMsMax = 300_000;
const holdMs = 60_000;
const holdsMax = 1440;

/** The connection to the agent: handshake, check-ins, claim, update, orders. It is in the core because recovery needs it.
 *  @returns hooks → Client. Source: SPEC.md §4 */
export default (k: Kit) =>
  (app: ClientHooks): Client => {
    const h = k.h;
    let life = k.j.get(Rec.Life) || [Lifecycle.Released, 0, 60];
    let frames: Frames | null = null;
    let handshake: Handshake | null = null;
    let handshakes = 0;
    let lastHello = -helloWantedPauseMs;
    let waiting = 0;
    let timer: unknown = null;
    let stall: unknown = null;
    let update: Update | null = null;
    let refusal: number[] | null = null;
    let bad = 0;

    /** The runtime's code runs outside the frame's own error handling: its errors are its own. */
    const hook = (fn: (() => void) | undefined) => {
      if (fn) h.after(1, fn);
    };
    const later = (ms: number) => {
      h.cancel(timer);
      // A tenth of jitter keeps a site from waking all at once.
      timer = h.after(ms + (ms * k.random(1)[0]!) / 2560, me.checkIn);
    };
    const say = (message: any[]) => {
      if (frames) send(frames.seal(k.encode(message)));
    };
    const info = () => {
      const running = slotOf(k.slots, k.slots[0]);
      const other = slotOf(k.slots, otherOf(k.slots));
      const failed = k.j.get(Rec.Failed);
      const download = k.j.get(Rec.Download);
      const settings = k.j.get(Rec.Settings);
      const i: any = {
        1: running ? running[0] : 0,
        2: running ? k.cut(running[3], 0, 8) : new Uint8Array(8),
        3: k.state,
        4: k.slots[3],
        5: other ? other[0] : 0,
        6: other ? 1 : 0,
        7: life[2],
        8: k.resetReason,
      };
      if (failed) i[9] = [failed[0], failed[1], failed[2], failed[4]];
      if (download) i[10] = [download[0], download[5], download[1]];
      i[11] = life[0];
      i[12] = process.version;
      i[13] = settings ? settings[0] : 0;
      i[14] = k.slots[4];
      if (refusal) i[15] = refusal;
      if (bad) i[16] = bad;
      return i;
    };
    const report = () => {
      return [
        Msg.CheckIn,
        info(),
        app.vitals ? app.vitals() : {},
        app.metrics ? app.metrics() : {},
      ];
    };
    const hello = () => {
      frames = null;
      lastHello = h.ms();
      handshake = k.part(Part.Handshake)(++handshakes) as Handshake;
      send(handshake.hello);
    };
    const putLife = (state: number, timeS: number, checkInS: number) => {
      life = [state, timeS, checkInS];
      k.j.put(Rec.Life, life);
    };
    const restartWhenReady = (holds: number) => {
      if (app.ready && holds < holdsMax && !app.ready()) {
        h.after(holdMs, () => restartWhenReady(holds + 1));
        return;
      }
      h.after(500, () => k.restart(Code.UpdateInstalled));
    };
    const watch = () => {
      h.cancel(stall);
      stall = h.after(stallMs, () => {
        if (!update) return;
        if (update.again()) return watch();
        update = null;
      });
    };
    const offered = (sequence: number, manifestBytes: number) => {
      if (update || k.slots[5]) return;
      update = k.part(Part.Update)({
        sequence,
        manifestBytes,
        fetch(kind: number, offset: number, length: number) {
          say([Msg.Fetch, kind, sequence, offset, length]);
          watch();
        },
        ended(code: Code, detail: number) {
          say([Msg.Event, code, sequence, detail, ""]);
          if (code === Code.UpdateStarted) return;
          update = null;
          h.cancel(stall);
          if (code === Code.UpdateInstalled) restartWhenReady(0);
          else refusal = [sequence, code];
        },
      }) as Update;
    };
    const granted = (m: any[]) => {
      const key = k.j.get(Rec.Key);
      const epoch = key ? key[0] : 0;
      if (m[2] === epoch + 1) {
        k.j.put(Rec.Key, [m[2], m[3], m[4], m[1], 0]);
        k.id.forget(0);
      } else if (m[2] !== epoch || !k.same(m[1], key[3])) {
        return say([Msg.Event, Code.GrantWrong, 0, m[2], ""]);
      }
      const proof = k.t16(k.hmac(m[3], k.lp(["FL1-commit", k.id.serial, m[1]])));
      life[2] = m[5];
      say([Msg.Commit, m[1], proof]);
    };
    const claimed = () => {
      const key = k.j.get(Rec.Key);
      if (!key || key[4]) return;
      k.j.put(Rec.Key, [key[0], key[1], key[2], key[3], 1]);
      putLife(Lifecycle.Operating, life[1], life[2]);
      hello();
      hook(app.claimed);
    };
    const revert = (m: any[]) => {
      const other = slotOf(k.slots, otherOf(k.slots));
      const code =
        !other || other[0] !== m[2]
          ? Code.RevertNoSlot
          : other[0] < k.slots[3]
            ? Code.RevertBelowFloor
            : 0;
      say([Msg.OrderResult, m[1], code]);
      if (!code) h.after(300, () => k.leave(Code.RevertOrdered, ""));
    };
    const dispatch = (m: any[]) => {
      switch (m[0]) {
        case Msg.Reply:
          if (waiting) me.ok++;
          waiting = 0;
          if (m[2] !== life[2] || m[1] - life[1] > 86_400) putLife(life[0], m[1], m[2]);
          later(m[2] * 1000);
          hook(app.reply);
          if (m[3]) offered(m[3][0], m[3][1]);
          break;
        case Msg.Block:
          if (update) update.block(m);
          break;
        case Msg.No:
          update = null;
          break;
        case Msg.Grant:
          granted(m);
          break;
        case Msg.Ack:
          claimed();
          break;
        case Msg.Revert:
          revert(m);
          break;
        case Msg.Wipe:
          say([Msg.OrderResult, m[1], 0]);
          h.after(300, () => {
            if (app.wipe) app.wipe();
            k.part(Part.Wipe)(m);
          });
          break;
        case Msg.Settings:
          k.j.put(Rec.Settings, [m[1], m[2]]);
          hook(app.settings);
          break;
      }
    };
    const received = (b: Bytes) => {
      try {
        if (b[0] === Msg.Frame) {
          if (frames) dispatch(k.decode(frames.open(b)));
          return;
        }
        const m = k.decode(b);
        if (m[0] === Msg.Chal && handshake) {
          const answer = handshake.prove(m, () => k.encode(report()));
          handshake = null;
          frames = answer.frames;
          send(answer.prove);
        } else if (m[0] === Msg.HelloWanted && h.ms() - lastHello > helloWantedPauseMs) hello();
        else if (m[0] === Msg.Refused) later((m[2] || 60) * 1000);
      } catch (e) {
        // A frame that does not check is nobody's word: it is counted and changes nothing.
        if (typeof e !== "number") throw e;
        bad++;
      }
    };
    const me: Client = {
      ok: 0,
      failed: 0,
      checkIn() {
        if (waiting) {
          me.failed++;
          frames = null;
        }
        waiting++;
        const wait = answerMs * 2 ** (waiting > 6 ? 5 : waiting - 1);
        later(wait > retryMsMax ? retryMsMax : wait);
        if (frames) say(report());
        else hello();
      },
    };
    const send: Send = k.part(Part.Link)(received, me.checkIn);
    return me;
  };
