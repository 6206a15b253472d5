import { forget } from "../../flash/identity.ts";
import { Rec } from "../../flash/journal.ts";
import { setHal } from "../../hal/current.ts";
import { Code } from "../../protocol/errors.ts";
import { Msg, WipeMode } from "../../protocol/messages.ts";
import type { Kit } from "../kit.ts";
import { Part } from "../parts.ts";
import type { ClientState } from "./client.ts";
import type { Send } from "./linkSerial.ts";

const receiptEveryMs = 20_000;
/** Half an hour without native hashes: a handshake and the answer to it can take a third of it. */
const calmMs = BOARD.sha256 ? 600_000 : 1_800_000;

/** The core alone: ends an ordered wipe and tells of it until acknowledged, or else keeps the device reachable
 *  so that it can take an update. Source: SPEC.md §8 */
export default (k: Kit): void => {
  const w = k.get(Rec.Wipe);
  if (!w) {
    const client: ClientState = k.part(Part.Connect)(() => undefined);
    // After a time without a failure the slot gets its next chance.
    const calm = () => {
      // Without native hashes a download can take longer than that, and only the core may take it.
      if (BOARD.cable && client.update) return k.h.after(calm, calmMs);
      k.part(Part.State).calm();
      k.restart(Code.Ok);
    };
    k.h.after(calm, calmMs);
    return;
  }
  if (w[0] === 1) {
    k.part(Part.Wipe)(null);
    return;
  }
  /** Wi-Fi carries the receipt, so it is forgotten after its acknowledgement, at each start in case of a cut. */
  const forgetWifi = () => {
    if (!BOARD.wifi || w[2] !== WipeMode.Scrap) return;
    setHal(k.h);
    forget(4);
  };
  if (w[0] === 3) {
    forgetWifi();
    return;
  }
  const receipt = k.get(Rec.Receipt);
  const tell = () => send(k.encode([Msg.Receipt, k.serial, receipt[0], receipt[1]]));
  const send: Send = k.part(Part.Link)((m: Uint8Array) => {
    try {
      const a = k.decode(m);
      if (a[0] !== Msg.ReceiptAck || !k.same(k.cut(k.h.sha(a[1]), 0, 16), w[4])) return;
    } catch {
      // Anybody can send anything: what cannot be read is no acknowledgement.
      return;
    }
    // With a key of a next life the device goes on as a new one; without, it stays silent for good.
    if (k.get(Rec.Key)) k.put(Rec.Wipe, null);
    else {
      k.put(Rec.Wipe, [3, w[1], w[2], w[3], w[4], w[5], w[6], w[7], null]);
      forgetWifi();
    }
    k.restart(Code.Ok);
  }, tell);
  k.h.every(tell, receiptEveryMs);
};
