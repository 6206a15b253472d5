import type { Bytes } from "../../hal/hal.ts";
import { helloWantedPauseMs, refusedPauseSMax, sunsetPauseMs } from "../../protocol/limits.ts";
import { Msg } from "../../protocol/messages.ts";
import type { Kit } from "../kit.ts";
import { Part } from "../parts.ts";
import type { FrameState, Frames } from "./frames.ts";
import type { Handshake, Hello } from "./handshake.ts";
import type { Send } from "./linkSerial.ts";
import type { Update } from "./update.ts";

/** What the client asks of the runtime, in one function, because each function costs eight variables. */
export const enum AppEvent {
  /** → [vitals map, metrics map]; given the info map of the CHECKIN, to add to */
  Report = 0,
  /** the agent answered a check-in; given the REPLY */
  Reply = 1,
  /** the claim is committed */
  Claimed = 2,
  /** a message that the core leaves to the runtime; given it */
  Order = 3,
  /** → false holds the restart into a new image */
  Ready = 4,
  /** a wipe was ordered: clear the app's own data now */
  Wipe = 5,
  /** without a message → whether packed blocks can be taken; with a BLOCK of kind 2 or 3: gives its plain bytes,
   *  block by block, to `put`. @throws Code.PatchMalformed, whatever `put` throws */
  Unpack = 6,
  /** looks at a trial; given true when its minutes are used up, 2 when a person in the field vouches for it */
  Judge = 7,
}
export type AppHook = (
  event: number,
  client: ClientState,
  given?: any,
  put?: (plain: Bytes) => void,
) => any;

/** A connection between messages: data only. The code that works on it is evaluated for each message. */
export interface ClientState {
  app: AppHook;
  send: Send;
  frames: FrameState | null;
  hello: Hello | null;
  /** handshakes since start */
  hellos: number;
  helloAtMs: number;
  timer: unknown;
  update: Update | null;
  /** [lifecycle, time floor, check-in seconds, quarters of a day without an answer or −1 = sunset] */
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
  /** true: nobody is expected to answer any more, so that check-ins become rare */
  isLocal?: boolean;
}

export interface Client {
  say(message: any[]): void;
  hello(): void;
  /** Checks in after so long; 0 = when the time for an answer is over. */
  later(ms: number): void;
  checkIn(): void;
  received(message: Bytes): void;
}

/** The connection at work. @returns state → Client. Source: SPEC.md §4 */
export default (k: Kit) =>
  (c: ClientState): Client => {
    // Without native hashes one handshake takes many seconds of the device's own.
    const answerMs = BOARD.sha256 ? 8000 : 64_000;
    const me: Client = {
      say(message) {
        if (c.frames) c.send((k.part(Part.Frames) as Frames).seal(c.frames, k.encode(message)));
      },
      hello() {
        c.frames = null;
        c.helloAtMs = k.h.ms();
        c.hello = (k.part(Part.Handshake) as Handshake).hello(++c.hellos);
        c.send(c.hello[0]);
      },
      later(ms) {
        if (c.timer) k.h.cancel(c.timer);
        // 0: 8 s (64 s without native hashes), doubled for each check-in that went unanswered, at most 32 times; 18 h where
        // nobody is expected.
        const most = c.isLocal ? 13 : 5;
        if (!ms) ms = answerMs << (c.waiting > most ? most : c.waiting);
        // After its sunset nobody waits for this device.
        if (c.life[3]! < 0) ms = sunsetPauseMs;
        // A tenth of jitter keeps a site from waking all at once; without native hashes a random number takes a minute.
        const jitter = BOARD.sha256 ? k.random(1)[0]! : k.h.ms() & 255;
        c.timer = k.h.after(
          () => {
            c.timer = null;
            k.part(Part.Client)(c).checkIn();
          },
          ms + (ms * jitter) / 2560,
        );
      },
      checkIn() {
        if (c.waiting) {
          c.failed++;
          c.frames = null;
        }
        me.later(0);
        c.waiting++;
        if (c.frames) me.say(k.part(Part.Report)(c));
        else me.hello();
        // What was sent took minutes: the time for an answer begins now.
        if (!BOARD.sha256) me.later(0);
      },
      received(b) {
        try {
          if (b[0] === Msg.Frame) {
            if (!c.frames) return;
            const m = k.decode((k.part(Part.Frames) as Frames).open(c.frames, b));
            if (m[0] !== Msg.Block) k.part(Part.Orders)(c, m);
            else if (c.update) c.update.block(m);
            return;
          }
          const m = k.decode(b);
          if (m[0] === Msg.Chal && c.hello) {
            const answer = (k.part(Part.Handshake) as Handshake).prove(c.hello, m, () =>
              k.encode(k.part(Part.Report)(c)),
            );
            c.hello = null;
            c.frames = answer.frames;
            c.send(answer.prove);
            if (!BOARD.sha256) me.later(0);
          } else if (m[0] === Msg.HelloWanted) {
            if (k.h.ms() - c.helloAtMs > helloWantedPauseMs) me.hello();
          } else if (m[0] === Msg.Refused)
            // Anybody can say this: what he can take is a day.
            me.later((m[2] > 0 && m[2] <= refusedPauseSMax ? m[2] : 60) * 1000);
        } catch (e) {
          // A message that does not check is nobody's word: it is counted and changes nothing. A plain one is a stranger's,
          // so that whatever it makes this code stumble over must not end the start.
          if (b[0] === Msg.Frame && typeof e !== "number") throw e;
          c.bad++;
        }
      },
    };
    return me;
  };
