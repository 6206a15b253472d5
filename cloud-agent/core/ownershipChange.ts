import type { Tx } from "../storage/store.ts";
import { needOperating } from "./lifecycle.ts";
import {
  consentOf,
  endOwnership,
  entitlementOf,
  type OwnershipInput,
  ownershipRefusal,
} from "./ownership.ts";
import type { DeviceRecord } from "./records.ts";

/** Changes what is known of a device's owner: a subscription was renewed or ended, other terms were agreed to or consent
 *  withdrawn. What is left out stays; null ends what is there.
 *  @throws AgentError UnknownDevice, DeviceNotOperating, DeviceWiping, DeviceRetired, EntitlementOver, ConsentInvalid */
export async function changeOwnership(
  tx: Tx,
  request: {
    serial: string;
    person: string;
    entitlement?: OwnershipInput["entitlement"] | null;
    consent?: OwnershipInput["consent"] | null;
  },
  nowMs: number,
): Promise<DeviceRecord> {
  const { serial, person } = request;
  const device = await needOperating(tx, serial);
  const over = endOwnership(device, nowMs);
  const entitlement =
    request.entitlement === null
      ? over.entitlement
      : (entitlementOf({ entitlement: request.entitlement }) ?? device.entitlement);
  const consent =
    request.consent === null
      ? over.consent
      : (consentOf({ consent: request.consent }, person, nowMs) ?? device.consent);
  const refusal = ownershipRefusal(
    serial,
    {
      entitlement: request.entitlement ? (entitlement ?? null) : null,
      consent: request.consent ? (consent ?? null) : null,
    },
    nowMs,
  );
  if (refusal) throw refusal;
  const changed: DeviceRecord = { ...device, entitlement, consent };
  await tx.putDevice(changed);
  const names = (["entitlement", "consent"] as const).filter((name) => request[name] !== undefined);
  const text = `${person} changed ${names.join(" and ") || "nothing"} of ${serial}.`;
  const data = { entitlement: entitlement ?? null, consent: consent ?? null, person };
  await tx.appendEvent({ kind: "ownershipChanged", serial, text, data }, nowMs);
  return changed;
}
