import { decode } from "../../firmware/protocol/host/cbor.ts";
import { serialPattern } from "../../firmware/protocol/host/wire.ts";
import { Msg } from "../../firmware/protocol/messages.ts";

/** Serial that a plain message names. Unauthenticated: good for finding the way back and for nothing else.
 *  @returns null for sealed frames and everything that names no serial */
export function serialNamedIn(bytes: Uint8Array): string | null {
  if (bytes[0] === Msg.Frame) return null;
  // HELLO begins [1, version, suite, serial …], RECEIPT begins [8, serial …]; PROVE carries HELLO's bytes as its second item.
  try {
    const items = decode(bytes);
    if (!Array.isArray(items)) return null;
    if (items[0] === Msg.Prove && items[1] instanceof Uint8Array) return serialNamedIn(items[1]);
    const at = items[0] === Msg.Hello ? 3 : items[0] === Msg.Receipt ? 1 : -1;
    const serial = items[at];
    return typeof serial === "string" && serialPattern.test(serial) ? serial : null;
  } catch {
    return null;
  }
}
