import { AgentError } from "../../core/errors.ts";
import { needDevice } from "../../core/lifecycle.ts";
import { findSaga } from "../../core/provisioning/store.ts";
import type { DeviceRecord } from "../../core/records.ts";
import type { ApiDeps } from "../deps.ts";

/** Has the hooks of a request called, for as long as a request waits; the rest goes on by itself.
 *  @param id of its saga; left out: the one that the device waits for
 *  @returns the device after it
 *  @throws AgentError the refusal of the hooks: HookVetoed, HookFailed, or why it cannot happen any more */
export async function awaitHooks(
  deps: ApiDeps,
  device: DeviceRecord,
  id: string | null | undefined = device.provisioning,
): Promise<DeviceRecord> {
  if (!id) return device;
  await deps.hooks.run(id);
  const { saga, after } = await deps.store.tx(async (tx) => ({
    saga: await findSaga(tx, id),
    after: await needDevice(tx, device.serial),
  }));
  if (saga?.refusal) throw new AgentError(saga.refusal.code, saga.refusal.text);
  return after;
}
