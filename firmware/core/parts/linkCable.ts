import { Rec } from "../../flash/journal.ts";
import type { Bytes } from "../../hal/hal.ts";
import { Code } from "../../protocol/errors.ts";
import { Msg, SlotState } from "../../protocol/messages.ts";
import type { Kit } from "../kit.ts";
import mqtt from "./linkMqtt.ts";
import serial, { type Send } from "./linkSerial.ts";

/** For boards with a network that are updated at the cable: MQTT while an image runs and while a wipe is told of, the
 *  line when the core is alone. A gateway that knocks on the line calls the core.  Source: SPEC.md §5, §9
 *  @returns (onMessage, onUp) → Send */
export default (k: Kit) =>
  (onMessage: (m: Bytes) => void, onUp: () => void): Send => {
    if (k.state === SlotState.Recovery && !k.get(Rec.Wipe)) return serial(k)(onMessage, onUp);
    serial(k)(
      (m) => {
        if (k.state === SlotState.Confirmed && m[1] === Msg.HelloWanted)
          k.restart(Code.UpdateInCore);
      },
      () => undefined,
    );
    return mqtt(k)(onMessage, onUp);
  };
