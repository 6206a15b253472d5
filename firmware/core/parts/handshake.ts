import { IdAt, idNumber } from "../../flash/identity.ts";
import { Rec } from "../../flash/journal.ts";
import { setHal } from "../../hal/current.ts";
import type { Bytes } from "../../hal/hal.ts";
import { Code } from "../../protocol/errors.ts";
import { chalAgeMsMax } from "../../protocol/limits.ts";
import { Lifecycle, Msg } from "../../protocol/messages.ts";
import type { Kit } from "../kit.ts";
import { Part } from "../parts.ts";
import { slotOf } from "../slots.ts";
import type { Frames } from "./frames.ts";

export interface Handshake {
  /** the HELLO to send */
  hello: Bytes;
  /** Answers a CHAL: the cloud has proved itself, so its time counts.
   *  @param checkIn the message that rides on PROVE
   *  @throws Code.HandshakeMac, Code.TimeBelowFloor, Code.ChallengeExpired */
  prove(
    chal: any[],
    checkIn: () => Bytes,
  ): { prove: Bytes; frames: Frames; state: number; timeS: number };
}

/** One handshake, HELLO · CHAL · PROVE. Source: SPEC.md §4
 *  @returns handshakeCount → Handshake */
export default (k: Kit) =>
  (count: number): Handshake => {
    setHal(k.h);
    const key = k.get(Rec.Key);
    const dk = key ? key[1] : k.h.read(IdAt.DeviceKey, 32);
    const running = slotOf(k.slots, k.slots[0]);
    const nonce = k.random(16);
    const started = k.h.ms();
    const hello = k.encode([
      Msg.Hello,
      1,
      BOARD.aes ? 2 : 1,
      k.serial,
      key ? key[0] : 0,
      nonce,
      running ? k.cut(running[3], 0, 8) : new Uint8Array(8),
      k.boot[0],
      count,
      idNumber(IdAt.KmId, 4),
    ]);
    return {
      hello,
      prove(chal, checkIn) {
        const body = chal[1];
        if (!k.same(chal[2], k.t16(k.hmac(dk, k.lp(["FL1-chal", hello, body])))))
          throw Code.HandshakeMac;
        if (k.h.ms() - started > chalAgeMsMax) throw Code.ChallengeExpired;
        const c = k.decode(body);
        const life = k.get(Rec.Life);
        if (life && c[1] < life[1]) throw Code.TimeBelowFloor;
        const frames: Frames = k.part(Part.Frames)(k.hmac(dk, k.lp(["FL1-session", hello, body])));
        // Whoever asks for the claim has the label; the device shows that it is the one the label is on.
        const pop =
          !life || life[0] <= Lifecycle.ClaimPending
            ? k.t16(k.hmac(k.h.read(IdAt.PopKey, 32), nonce))
            : null;
        const frame = frames.seal(checkIn());
        const mac = k.t16(
          k.hmac(dk, k.lp(["FL1-prove", hello, body, pop || new Uint8Array(0), frame])),
        );
        return {
          prove: k.encode([Msg.Prove, hello, body, pop, frame, mac]),
          frames,
          state: c[2],
          timeS: c[1],
        };
      },
    };
  };
