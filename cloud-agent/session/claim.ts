import { timingSafeEqual } from "node:crypto";
import { Code } from "../../firmware/protocol/errors.ts";
import type { CloudMessage } from "../../firmware/protocol/host/cloudMessages.ts";
import type { Commit } from "../../firmware/protocol/host/deviceMessages.ts";
import { commitMac, ownerKey, possessionProof } from "../../firmware/protocol/host/kdf.ts";
import { Lifecycle } from "../../firmware/protocol/messages.ts";
import type { DeviceRecord } from "../core/records.ts";
import { hex, keyedNext, keyOf, masterKeyOf, type Step, unhex } from "./context.ts";

/** Judges the possession proof of an accepted PROVE. A right one while the intent is open uses up its popKey: from then on
 *  the same GRANT is sent at every contact until COMMIT.
 *  @returns the device as it stands now */
export async function judgePossession(
  step: Step,
  device: DeviceRecord,
  nd: Uint8Array,
  pop: Uint8Array | null,
): Promise<DeviceRecord> {
  const { tx, incoming } = step;
  const { serial } = device;
  if (pop === null || !claimIntentIsOpen(device)) return device;
  const refuse = (code: Code, text: string) =>
    tx.appendEvent({ kind: "claimRefused", serial, code, text }, incoming.nowMs);
  if ((device.claimIntentUntilMs ?? 0) <= incoming.nowMs) {
    await refuse(Code.ClaimIntentExpired, "The device proved possession after the claim expired.");
    return device;
  }
  if (!timingSafeEqual(pop, possessionProof(unhex(device.claimPopKey!), nd))) {
    await refuse(Code.PossessionProofWrong, "The device's possession proof is not of this code.");
    return device;
  }
  const text = "The device proved possession and is given its new key.";
  await tx.appendEvent({ kind: "possessionProven", serial, text }, incoming.nowMs);
  return keyedNext(step.ports, { ...device, claimPopKey: null, grantPending: true }, device.epoch);
}

/** True while a claim waits for the device's possession proof, and not for other systems. */
export function claimIntentIsOpen(device: DeviceRecord): boolean {
  return (
    device.lifecycle === Lifecycle.ClaimPending &&
    !device.grantPending &&
    device.claimPopKey !== null &&
    !device.provisioning
  );
}

/** GRANT of a claim whose possession was proven; derived, so it is the same at every contact.
 *  @returns null when there is none */
export function pendingGrant(step: Step, device: DeviceRecord): CloudMessage | null {
  const { grantPending, claimId } = device;
  if (!grantPending || claimId === null) return null;
  const epoch = device.epoch + 1;
  return {
    kind: "grant",
    claimId: unhex(claimId),
    epoch,
    deviceKey: keyOf(step.ports, device, epoch),
    ownerKey: ownerKey(masterKeyOf(step.ports, device, epoch), device.serial, epoch),
    checkInS: device.checkInS || step.ports.config.checkInS,
  };
}

/** Takes a COMMIT: the first ends the claim, a repeat is acknowledged and changes nothing.
 *  @returns the device, and the ACK; no ACK for a COMMIT that is wrong */
export async function takeCommit(
  step: Step,
  device: DeviceRecord,
  commit: Commit,
): Promise<{ device: DeviceRecord; answers: CloudMessage[] }> {
  const epoch = device.grantPending ? device.epoch + 1 : device.epoch;
  const isRight =
    epoch > 0 &&
    device.claimId === hex(commit.claimId) &&
    timingSafeEqual(
      commit.mac,
      commitMac(keyOf(step.ports, device, epoch), device.serial, commit.claimId),
    );
  if (!isRight) {
    await step.tx.appendEvent(
      {
        kind: "claimRefused",
        serial: device.serial,
        code: Code.GrantWrong,
        text: "The device committed to a grant that was not given to it.",
      },
      step.incoming.nowMs,
    );
    return { device, answers: [] };
  }
  const answers: CloudMessage[] = [{ kind: "ack", claimId: commit.claimId }];
  if (!device.grantPending) return { device, answers };
  return { device: await commitClaim(step, device), answers };
}

/** Ends the pending claim: the device holds its new key. */
export async function commitClaim(step: Step, device: DeviceRecord): Promise<DeviceRecord> {
  await step.tx.appendEvent(
    {
      kind: "claimCommitted",
      serial: device.serial,
      text: "The device replaced its key and belongs to its new owner.",
      data: { epoch: device.epoch + 1, claimId: device.claimId, account: device.account },
    },
    step.incoming.nowMs,
  );
  const isArriving =
    device.lifecycle === Lifecycle.Released || device.lifecycle === Lifecycle.ClaimPending;
  return {
    ...device,
    epoch: device.epoch + 1,
    grantPending: false,
    claimPopKey: null,
    claimIntentUntilMs: null,
    lifecycle: isArriving ? Lifecycle.Operating : device.lifecycle,
    zombieContacts: 0,
  };
}
