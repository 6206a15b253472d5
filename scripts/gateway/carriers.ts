/** Which line leads to which device. A line may say any serial it likes, so what it says alone opens nothing but the
 *  answer to its own question; it carries a device from the moment the agent seals a frame for the session that was
 *  proven on it. */
import { decode } from "../../firmware/protocol/host/cbor.ts";
import { Msg } from "../../firmware/protocol/messages.ts";

/** How long an answer to a plain message may take: a device gives a HELLO up after 8 s. */
export const askedMs = 10_000;
/** Serials one line may name over its life; a line with more is a mistake or an attempt. */
export const serialsPerLineMax = 16;

interface Standing {
  /** when a plain message last named the serial on this line */
  askedMs: number;
  /** hex session id of the newest PROVE, null before any */
  sid: string | null;
  /** the agent has sealed a frame for that session: the device is here */
  isProven: boolean;
}

/** Keeps the way back to devices; knows lines only as keys. */
export class Carriers<Line extends object> {
  #serials = new Map<string, Map<Line, Standing>>();
  #lines = new Map<Line, Set<string>>();

  /** A plain message on a line named a serial.
   *  @returns false when the line has named too many: it is to be closed */
  asked(line: Line, serial: string, bytes: Uint8Array, nowMs: number): boolean {
    const standings = this.#serials.get(serial) ?? new Map<Line, Standing>();
    this.#serials.set(serial, standings);
    const before = standings.get(line);
    const claimed = provenSid(bytes);
    // Session ids can be read off another line: the line that said one first is the one that made it.
    const isTaken = [...standings].some(([other, { sid }]) => other !== line && sid === claimed);
    const sid = isTaken ? null : claimed;
    const isSame = sid === null || sid === before?.sid;
    standings.set(line, {
      askedMs: nowMs,
      sid: sid ?? before?.sid ?? null,
      isProven: isSame && (before?.isProven ?? false),
    });
    const named = this.#lines.get(line) ?? new Set<string>();
    this.#lines.set(line, named.add(serial));
    return named.size <= serialsPerLineMax;
  }

  /** Lines that a message for a device goes to. A sealed frame goes where its session was proven, a plain one to the
   *  device's line and to whoever has just asked: an answer to another's HELLO is of no use to anybody. */
  linesFor(serial: string, bytes: Uint8Array, nowMs: number): Line[] {
    const standings = this.#serials.get(serial);
    if (!standings) return [];
    const sid = frameSid(bytes);
    if (sid === null) {
      return [...standings].flatMap(([line, { isProven, askedMs: at }]) =>
        isProven || nowMs - at <= askedMs ? [line] : [],
      );
    }
    const lines = [...standings].flatMap(([line, standing]) =>
      standing.sid === sid ? [line] : [],
    );
    // The newest session is the device's: where an older one was proven it is no longer.
    if (lines.length > 0) {
      for (const standing of standings.values()) standing.isProven = standing.sid === sid;
    }
    return lines;
  }

  /** A line is gone, and with it all that it carried. */
  closed(line: Line): string[] {
    const named = [...(this.#lines.get(line) ?? [])];
    this.#lines.delete(line);
    for (const serial of named) {
      const standings = this.#serials.get(serial);
      standings?.delete(line);
      if (standings?.size === 0) this.#serials.delete(serial);
    }
    return named;
  }
}

/** hex session id in a sealed frame, null for anything else. Source: SPEC.md §4.1 */
function frameSid(bytes: Uint8Array): string | null {
  return bytes[0] === Msg.Frame ? Buffer.from(bytes.subarray(1, 5)).toString("hex") : null;
}

/** Session id of the frame that rides on PROVE. */
function provenSid(bytes: Uint8Array): string | null {
  try {
    const items = decode(bytes);
    if (!Array.isArray(items) || items[0] !== Msg.Prove) return null;
    return items[4] instanceof Uint8Array ? frameSid(items[4]) : null;
  } catch {
    return null;
  }
}
