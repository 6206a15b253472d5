import { Rec } from "../../flash/journal.ts";
import type { Bytes } from "../../hal/hal.ts";
import { helloWantedPauseMs } from "../../protocol/limits.ts";
import { Lifecycle, Msg } from "../../protocol/messages.ts";
import type { Kit } from "../kit.ts";
import { Part } from "../parts.ts";
import type { Frames } from "./frames.ts";
import type { Handshake } from "./handshake.ts";
import type { Send } from "./linkSerial.ts";
import type { Update } from "./update.ts";

/** What the client asks of the runtime, in one function, because each function costs eight variables. */
export const enum AppEvent {
  /** → [vitals map, metrics map] */
  Report = 0,
  /** the agent answered a check-in */
  Reply = 1,
  /** the claim is committed */
  Claimed = 2,
  /** settings have changed */
  Settings = 3,
  /** → false holds the restart into a new image */
  Ready = 4,
  /** a wipe was ordered: clear the app's own data now */
  Wipe = 5,
}
export type AppHook = (event: AppEvent, client: ClientState) => any;

/** A connection's state between messages, shared by the parts that work on it. */
export interface ClientState {
  app: AppHook;
  frames: Frames | null;
  update: Update | null;
  /** [lifecycle, time floor, check-in seconds] */
  life: number[];
  /** [sequence, code] of the last release that was refused */
  refusal: number[] | null;
  /** messages that did not check since start */
  bad: number;
  /** check-ins answered and not answered since start */
  ok: number;
  failed: number;
  /** check-ins that wait for an answer */
  waiting: number;
  say(message: any[]): void;
  hello(): void;
  later(ms: number): void;
  checkIn(): void;
}

const answerMs = 8000;

/** The connection to the agent: handshake, check-ins; what is rare is in part Orders.
 *  It is in the core because recovery needs it. @returns app → ClientState. Source: SPEC.md §4 */
export default (k: Kit) =>
  (app: AppHook): ClientState => {
    const h = k.h;
    let handshake: Handshake | null = null;
    let handshakes = 0;
    let lastHello = -helloWantedPauseMs;
    let timer: unknown;
    const c: ClientState = {
      app,
      frames: null,
      update: null,
      life: k.get(Rec.Life) || [Lifecycle.Released, 0, 60],
      refusal: null,
      bad: 0,
      ok: 0,
      failed: 0,
      waiting: 0,
      say(message) {
        if (c.frames) send(c.frames.seal(k.encode(message)));
      },
      hello() {
        c.frames = null;
        lastHello = h.ms();
        const fresh: Handshake = k.part(Part.Handshake)(++handshakes);
        handshake = fresh;
        send(fresh.hello);
      },
      later(ms) {
        if (timer) h.cancel(timer);
        // A tenth of jitter keeps a site from waking all at once.
        timer = h.after(c.checkIn, ms + (ms * k.random(1)[0]!) / 2560);
      },
      checkIn() {
        timer = null;
        if (c.waiting) {
          c.failed++;
          c.frames = null;
        }
        // 8 s, doubled for each check-in that went unanswered, at most 256 s.
        c.later(answerMs << (c.waiting > 5 ? 5 : c.waiting));
        c.waiting++;
        if (c.frames) c.say(k.part(Part.Report)(c));
        else c.hello();
      },
    };
    const received = (b: Bytes) => {
      try {
        if (b[0] === Msg.Frame) {
          if (!c.frames) return;
          const m = k.decode(c.frames.open(b));
          if (m[0] === Msg.Block) {
            if (c.update) c.update.block(m);
          } else k.part(Part.Orders)(c, m);
          return;
        }
        const m = k.decode(b);
        if (m[0] === Msg.Chal && handshake) {
          const answer = handshake.prove(m, () => k.encode(k.part(Part.Report)(c)));
          handshake = null;
          c.frames = answer.frames;
          send(answer.prove);
        } else if (m[0] === Msg.HelloWanted && h.ms() - lastHello > helloWantedPauseMs) c.hello();
        else if (m[0] === Msg.Refused) c.later((m[2] || 60) * 1000);
      } catch (e) {
        // A message that does not check is nobody's word: it is counted and changes nothing.
        if (typeof e !== "number") throw e;
        c.bad++;
      }
    };
    const send: Send = k.part(Part.Link)(received, c.checkIn);
    return c;
  };
