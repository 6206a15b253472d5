import { deviceKeyAt, hmac, lp } from "../../firmware/protocol/host/kdf.ts";
import { AgentCode, AgentError } from "../core/errors.ts";
import type { ApiDeps } from "../http/deps.ts";
import type { MasterKeys } from "../platform/masterKeys.ts";
import { masterKeyIdOf } from "../session/context.ts";
import type { Payloads } from "./payloads.ts";

export { openPayloads } from "./open.ts";

/** What the HTTP API gives of payloads. Links are signed by a key of the active master key's, so that every agent of the
 *  fleet checks them. */
export function payloadDeps(
  payloads: Payloads | null,
  keys: Pick<MasterKeys, "activeId" | "get">,
): ApiDeps["payloads"] {
  const none = () => {
    const text = "payload: expected an origin, FLEETLING_PAYLOADS names none";
    return Promise.reject(new AgentError(AgentCode.OriginUnreachable, text));
  };
  return {
    hasOrigin: payloads !== null,
    put: payloads?.put ?? none,
    load: payloads?.load ?? none,
    linkKey: hmac(keys.get(keys.activeId)!, lp("FL1-payload-link")),
    deviceKey: (device) => {
      const km = keys.get(masterKeyIdOf(device, device.epoch));
      return km && deviceKeyAt(km, device.birth, device.epoch);
    },
  };
}
