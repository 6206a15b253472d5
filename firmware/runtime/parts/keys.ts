import type { Kit } from "../../core/kit.ts";
import type { ClientState } from "../../core/parts/client.ts";
import type { LmsVerify } from "../../core/parts/lms.ts";
import type { State } from "../../core/parts/state.ts";
import type { Update } from "../../core/parts/update.ts";
import { Part } from "../../core/parts.ts";
import { readSlots } from "../../core/slots.ts";
import { lp } from "../../crypto/hmac.ts";
import { IdAt } from "../../flash/identity.ts";
import { Rec } from "../../flash/journal.ts";
import type { Bytes } from "../../hal/hal.ts";
import { Code } from "../../protocol/errors.ts";
import { keySetBodyBytesMax, keySetSignatureBytesMax } from "../../protocol/limits.ts";
import { Msg } from "../../protocol/messages.ts";

const asksMax = 6;
const stallMs = 4000;
const keyBytes = 48;

/** Takes a key-set change: its body first, then one signature at a time, each forgotten once it is judged. Nothing is
 *  written before both thresholds are met, the root's of this key set and of the next.
 *  @returns (client, KEYS message) → what takes its BLOCKs. Source: SPEC.md §12 */
export default (k: Kit) =>
  (c: ClientState, offer: any[]): Update => {
    const version = offer[1];
    const lengths: number[] = offer[2];
    let stall: unknown = null;
    let asks = 0;
    /** piece that is fetched, where it begins in the document, and how much of it came */
    let piece = 0;
    let start = 0;
    let got = 0;
    let data: Bytes;
    let total = 0;
    let body: Bytes;
    /** [version, root before, root, release, agent, release that it waits for]; a role is [threshold, keys] */
    let next: any[];
    /** signatures of the root before and of the next, and the keys that they are by */
    const counts = [0, 0];
    const signers: any = {};

    const say = (message: any[]) => k.part(Part.Client)(c).say(message);
    const end = (code: Code) => {
      c.update = null;
      // Its text tells it from the refusal of a release with that number.
      say([Msg.Event, code, version, piece, "keys"]);
    };
    const need = (ok: any, code: Code) => {
      if (!ok) throw code;
    };
    const left = () => {
      const n = lengths[piece]! - got;
      return n < BOARD.blockBytes ? n : BOARD.blockBytes;
    };
    const ask = () => {
      say([Msg.Fetch, 4, version, start + got, left()]);
      stall = k.h.after(() => {
        stall = null;
        // Ended by NO, and perhaps replaced since.
        if (c.update !== me) return;
        // Asked too often: the next check-in offers it again.
        if (++asks > asksMax) c.update = null;
        else ask();
      }, stallMs);
    };
    const role = (r: any, bytes: number, most: number) => {
      need(
        r &&
          r.length === 2 &&
          r[1] instanceof Uint8Array &&
          r[1].length % bytes === 0 &&
          r[1].length <= most * bytes &&
          r[0] > 0 &&
          r[0] * bytes <= r[1].length,
        Code.KeySetMalformed,
      );
    };
    const rootId = (r: any) => k.cut(k.h.sha(k.h.cat(lp(["FL1-root", "" + r[0], r[1]]))), 0, 16);
    const takeBody = (b: Bytes) => {
      body = b;
      next = k.decode(b);
      need(next && next.length === 6, Code.KeySetMalformed);
      role(next[1], keyBytes, 5);
      role(next[2], keyBytes, 5);
      role(next[3], keyBytes, 3);
      role(next[4], 32, 3);
      need(next[5] >= 0, Code.KeySetMalformed);
      const current = (k.part(Part.State) as State).keySet();
      need(next[0] === version && version === current[0] + 1, Code.KeySetVersion);
      need(k.same(rootId(next[1]), current[3] || k.h.read(IdAt.RootId, 16)), Code.KeySetRoot);
    };
    const takeSignature = (b: Bytes) => {
      const s = k.decode(b);
      need(s && s[0] instanceof Uint8Array && s[1] instanceof Uint8Array, Code.KeySetMalformed);
      let key: Bytes | null = null;
      const inRoot = [0, 0];
      for (let r = 0; r < 2; r++) {
        const keys: Bytes = next[r + 1][1];
        for (let i = 0; i < keys.length; i += keyBytes) {
          const one = k.cut(keys, i, keyBytes);
          if (!k.same(k.cut(k.h.sha(one), 0, 8), s[0])) continue;
          key = one;
          inRoot[r] = 1;
        }
      }
      // A stranger's signature counts for nothing, and a second one of a key neither.
      if (!key || signers[s[0].join()]) return;
      signers[s[0].join()] = 1;
      const message = k.encode(["FL1-keyset", body]);
      need((k.part(Part.Lms) as LmsVerify)(key, message, s[1]), Code.ManifestSignature);
      counts[0]! += inRoot[0]!;
      counts[1]! += inRoot[1]!;
    };
    const finish = () => {
      need(counts[0]! >= next[1][0] && counts[1]! >= next[2][0], Code.ThresholdMissed);
      const slots = readSlots(k);
      const a = k.get(Rec.KeySetA);
      // The record in force stays until the slots record names the other one.
      const type = a && a[0] === slots[4] ? Rec.KeySetB : Rec.KeySetA;
      k.put(type, [version, next[3][0], next[3][1], rootId(next[2]), next[5]]);
      const running: any = slots[slots[0] + 1];
      // Waits for nothing, or for a release that is confirmed already.
      if (!next[5] || (!slots[5] && running && running[0] >= next[5])) {
        slots[4] = version;
        k.put(Rec.Slots, slots);
      }
      end(Code.KeySetTaken);
    };
    const take = () => {
      const whole = data;
      if (piece) takeSignature(whole);
      else takeBody(whole);
      start += lengths[piece]!;
      got = 0;
      piece++;
      if (piece === lengths.length) return finish();
      data = new Uint8Array(lengths[piece]!);
      ask();
    };
    const block = (m: any[]) => {
      if (
        m[1] !== 4 ||
        m[2] !== version ||
        m[3] !== start + got ||
        m[4] !== total ||
        !(m[5] instanceof Uint8Array) ||
        m[5].length !== left() ||
        !stall
      )
        return;
      k.h.cancel(stall);
      stall = null;
      asks = 0;
      data.set(m[5], got);
      got += m[5].length;
      if (got < lengths[piece]!) return ask();
      // Later, when the message that brought the last block is gone from memory.
      k.h.after(() => {
        try {
          take();
        } catch (e) {
          end(
            e === Code.MessageMalformed
              ? Code.KeySetMalformed
              : (e as number) > 0
                ? (e as number)
                : Code.OutOfMemory,
          );
        }
      }, 1);
    };
    const me: Update = { block };
    if (
      !Array.isArray(lengths) ||
      lengths.length < 2 ||
      lengths.length > 11 ||
      lengths.some((n, i) => !(n > 0 && n <= (i ? keySetSignatureBytesMax : keySetBodyBytesMax)))
    )
      // Later, when the client knows this one: what ends at once would be set after its end, and stay.
      k.h.after(() => end(Code.KeySetMalformed), 1);
    else {
      lengths.forEach((n) => {
        total += n;
      });
      data = new Uint8Array(lengths[0]!);
      ask();
    }
    return me;
  };
