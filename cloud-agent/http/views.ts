import { Lifecycle } from "../../firmware/protocol/messages.ts";
import { lifecycleNames } from "../core/lifecycleNames.ts";
import { presenceOf } from "../core/presence/presence.ts";
import type { DeviceRecord } from "../core/records.ts";

/** A device as people see it. The schema's serialiser leaves out every field it does not name. */
export function deviceView(device: DeviceRecord, steadyMs: number) {
  const { model, board, hardwareRev, batch, classId, bornAt } = device.birth;
  return {
    ...device,
    ...{ model, board, hardwareRev, batch, classId, bornAt },
    entitlement: device.entitlement ?? null,
    consent: device.consent ?? null,
    provisioning: device.provisioning ?? null,
    maintenance: device.maintenance ?? null,
    presence: presenceOf(device, steadyMs),
    lifecycleName: lifecycleNames[device.lifecycle] ?? "unknown",
    wantedSettings: device.wantedSettings ?? null,
    isSunset: device.isSunset ?? false,
    fieldMinutesLeft: device.fieldMinutesLeft ?? null,
    poison: device.poison ?? [],
    isFrozen: device.isFrozen ?? false,
    settingsRefused: device.settingsRefused ?? {},
    // A wipe's order stays in the record for its receipt; an ended one is no longer an order.
    order: device.lifecycle === Lifecycle.Retired ? null : device.order,
  };
}
