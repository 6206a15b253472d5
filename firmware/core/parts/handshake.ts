import { lp } from "../../crypto/hmac.ts";
import { IdAt } from "../../flash/identity.ts";
import { Rec } from "../../flash/journal.ts";
import type { Bytes } from "../../hal/hal.ts";
import { Code } from "../../protocol/errors.ts";
import { chalAgeMsMax } from "../../protocol/limits.ts";
import { Lifecycle, Msg } from "../../protocol/messages.ts";
import type { Kit } from "../kit.ts";
import { Part } from "../parts.ts";
import { readSlots } from "../slots.ts";
import type { FrameState, Frames } from "./frames.ts";

/** A HELLO that waits for its CHAL: [the bytes sent, nonce, when]. */
export type Hello = [Bytes, Bytes, number];

export interface Handshake {
  /** Makes the HELLO to send. @param count handshakes of this start, from 1 */
  hello(count: number): Hello;
  /** Answers a CHAL: the cloud has proved itself, so its time counts.
   *  @param checkIn the message that rides on PROVE
   *  @throws Code.HandshakeMac, Code.TimeBelowFloor, Code.ChallengeExpired */
  prove(hello: Hello, chal: any[], checkIn: () => Bytes): { prove: Bytes; frames: FrameState };
}

/** HELLO · CHAL · PROVE. Source: SPEC.md §4 */
export default (k: Kit): Handshake => {
  const key = k.get(Rec.Key);
  const dk = key ? key[1] : k.h.read(IdAt.DeviceKey, 32);
  const mac = (fields: (Bytes | string)[]) => k.cut(k.hmac(dk, lp(fields)), 0, 16);
  return {
    hello(count) {
      const running = k.slot(readSlots(k));
      const nonce = k.random(16);
      const fw = running ? k.cut(running[3], 0, 8) : new Uint8Array(8);
      const suite = BOARD.aes ? 2 : 1;
      const km = k.h.read(IdAt.KmId, 4);
      const kmId = km[0]! + 256 * (km[1]! + 256 * (km[2]! + 256 * km[3]!));
      const fields = [Msg.Hello, 1, suite, k.serial, key ? key[0] : 0, nonce, fw];
      return [k.encode(fields.concat([k.boot[0], count, kmId])), nonce, k.h.ms()];
    },
    prove(hello, chal, checkIn) {
      const body = chal[1];
      // Before the MAC, which takes a board without native hashes longer than that.
      if (k.h.ms() - hello[2] > chalAgeMsMax) throw Code.ChallengeExpired;
      if (!k.same(chal[2], mac(["FL1-chal", hello[0], body]))) throw Code.HandshakeMac;
      const c = k.decode(body);
      const life = k.get(Rec.Life);
      if (life && c[1] < life[1]) throw Code.TimeBelowFloor;
      const part: Frames = k.part(Part.Frames);
      const frames = part.start(k.hmac(dk, lp(["FL1-session", hello[0], body])));
      // Whoever asks for the claim has the label; the device shows that it is the one the label is on.
      const pop =
        !life || life[0] <= Lifecycle.ClaimPending
          ? k.cut(k.hmac(k.h.read(IdAt.PopKey, 32), hello[1]), 0, 16)
          : null;
      const frame = part.seal(frames, checkIn());
      const tag = mac(["FL1-prove", hello[0], body, pop || "", frame]);
      return { prove: k.encode([Msg.Prove, hello[0], body, pop, frame, tag]), frames };
    },
  };
};
