import { Code } from "../../firmware/protocol/errors.ts";
import { encodeRefused } from "../../firmware/protocol/host/handshake.ts";
import type { DeviceRecord } from "../core/records.ts";
import type { Refusal, Step } from "./context.ts";
import { awaitsNextOwner } from "./hello.ts";

/** Counts an authenticated contact of a retired device. A device that waits for its next owner is expected and not counted.
 *  @returns the refusal as bytes: a value and not a throw, because the count has to stay */
export async function countZombie(
  step: Step,
  device: DeviceRecord,
  refusal: Refusal,
): Promise<Uint8Array[]> {
  if (!awaitsNextOwner(device)) {
    const zombieContacts = device.zombieContacts + 1;
    await step.tx.putDevice({ ...device, zombieContacts });
    await step.tx.appendEvent(
      {
        kind: "zombieContactCounted",
        serial: device.serial,
        code: Code.DeviceRetired,
        text: `A retired device made contact, for the ${zombieContacts}. time.`,
        data: { route: step.incoming.route, zombieContacts },
      },
      step.incoming.nowMs,
    );
  }
  return [encodeRefused(refusal.code, refusal.options.retryAfterS ?? 86_400)];
}
