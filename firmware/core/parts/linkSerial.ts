import type { Bytes } from "../../hal/hal.ts";
import { messageBytesMax } from "../../protocol/limits.ts";
import type { Kit } from "../kit.ts";

/** Sends one message; false when it could not be handed on now. */
export type Send = (message: Bytes) => boolean;

/** The line protocol on the board's port: FE · length · payload · CRC-32. Source: SPEC.md §5
 *  @returns (onMessage, onUp) → Send */
export default (k: Kit) =>
  (onMessage: (m: Bytes) => void, onUp: () => void): Send => {
    let buffer = "";
    BOARD.serialSetup;
    BOARD.serialPort.on("data", (data) => {
      buffer += data;
      for (;;) {
        const start = buffer.indexOf("\xfe");
        if (start < 0) {
          buffer = "";
          return;
        }
        if (start) buffer = buffer.slice(start);
        if (buffer.length < 3) return;
        const n = (buffer.charCodeAt(1) << 8) | buffer.charCodeAt(2);
        if (n <= messageBytesMax) {
          if (buffer.length < n + 7) return;
          const m = k.h.cat(buffer.slice(3, n + 3));
          const c = k.h.cat(buffer.slice(n + 3, n + 7));
          if (k.h.crc(m) >>> 0 === ((c[0]! << 24) | (c[1]! << 16) | (c[2]! << 8) | c[3]!) >>> 0) {
            buffer = buffer.slice(n + 7);
            onMessage(m);
            continue;
          }
        }
        // Noise that looked like a start: look for the next one.
        buffer = buffer.slice(1);
      }
    });
    k.h.after(onUp, 10);
    return (m) => {
      const c = k.h.crc(m);
      const tail = [c >> 24, c >> 16, c >> 8, c];
      BOARD.serialPort.write(k.h.cat([0xfe, m.length >> 8, m.length, m, tail]));
      return true;
    };
  };
