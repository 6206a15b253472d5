/** A claim begins here: the code is checked and an intent opened. The device ends it (GRANT, COMMIT). */
import { Code } from "../../firmware/protocol/errors.ts";
import { codeHash, popKey } from "../../firmware/protocol/host/kdf.ts";
import { readCode } from "../../firmware/protocol/host/labels.ts";
import { Lifecycle, WipeMode } from "../../firmware/protocol/messages.ts";
import type { Tx } from "../storage/store.ts";
import { AgentError } from "./errors.ts";
import { claimIntentMs, openClaimsMax, wrongCodesMax, wrongCodesSpanMs } from "./limits.ts";
import { type ClaimNeed, type Ownership, type OwnershipInput, readOwnership } from "./ownership.ts";
import type { Random } from "./ports.ts";
import type { DeviceRecord } from "./records.ts";

export interface ClaimRequest extends OwnershipInput {
  serial: string;
  /** as typed or scanned; separators and case do not matter */
  code: string;
  /** null: nobody told */
  account: string | null;
  /** who asked, for the log */
  person: string;
}

/** Opens a claim intent of 15 minutes, or renews the same account's open one under the same claim id. Keys change only
 *  once the device has proven possession of the code itself (`grantPending`).
 *  @param edge.claimNeeds what every claim has to say; left out: nothing
 *  @returns the device, or the refusal as a value: its event has to be committed with the transaction */
export async function openClaim(
  tx: Tx,
  request: ClaimRequest,
  edge: { random: Random; nowMs: number; claimNeeds?: readonly ClaimNeed[] },
): Promise<DeviceRecord | AgentError> {
  const { serial, account, person } = request;
  const { nowMs } = edge;
  const device = await tx.device(serial);
  if (!device) {
    return new AgentError(Code.UnknownDevice, `device ${serial}: no birth is registered`);
  }
  // Counted before the code is looked at: an answer that depends on the code must not outlive the limit.
  const wrong = await tx.countEvents({
    kind: "claimCodeWrong",
    serial,
    sinceMs: nowMs - wrongCodesSpanMs,
  });
  if (wrong >= wrongCodesMax) {
    return new AgentError(
      Code.RateLimited,
      `device ${serial}: ${wrong} wrong claim codes in 15 minutes, at most ${wrongCodesMax}`,
      { retryAfterS: wrongCodesSpanMs / 1000 },
    );
  }
  const code = readCode(request.code);
  if (code === null || hex(codeHash(serial, code)) !== device.birth.codeHash) {
    await tx.appendEvent(
      {
        kind: "claimCodeWrong",
        serial,
        code: Code.ClaimCodeWrong,
        text: `${person} tried to claim ${serial} with a wrong code.`,
        data: { account, wasMistyped: code === null },
      },
      nowMs,
    );
    return new AgentError(
      Code.ClaimCodeWrong,
      code === null
        ? `device ${serial}: the code's length or check character is wrong, it was mistyped`
        : `device ${serial}: the code is not this device's`,
    );
  }
  const refusal = claimRefusal(device, account, nowMs);
  if (refusal) return refusal;
  const intentIsOpen = device.lifecycle === Lifecycle.ClaimPending && device.account === account;
  const owned = readOwnership(
    { ...request, before: intentIsOpen ? ownershipOf(device) : null },
    { serial, person, needs: edge.claimNeeds ?? [], nowMs },
  );
  if (owned instanceof AgentError) return owned;
  const claimed: DeviceRecord = {
    ...device,
    ...owned,
    lifecycle: Lifecycle.ClaimPending,
    // A GRANT may already be on its way under the old id; a renewed intent has to accept its COMMIT.
    claimId: intentIsOpen && device.claimId ? device.claimId : hex(edge.random.bytes(8)),
    claimPopKey: hex(popKey(code)),
    claimIntentUntilMs: nowMs + claimIntentMs,
    order: null,
  };
  await tx.putDevice(claimed);
  await tx.appendEvent(
    {
      kind: intentIsOpen ? "claimIntentRenewed" : "claimIntentOpened",
      serial,
      text: `${person} claims ${serial} for ${account ?? "an owner that is not named"}; the device has 15 minutes to confirm.`,
      data: { ...owned, claimId: claimed.claimId, person },
    },
    nowMs,
  );
  return claimed;
}

/** Closes claims that no device came for. Called now and then by the loop.
 *  @returns serials of the devices that are free again */
export async function expireClaims(tx: Tx, nowMs: number): Promise<string[]> {
  const pending = await tx.devices({ lifecycle: Lifecycle.ClaimPending, limit: openClaimsMax });
  const freed: string[] = [];
  for (const device of pending) {
    if (device.grantPending || (device.claimIntentUntilMs ?? 0) > nowMs) continue;
    await tx.putDevice({
      ...device,
      lifecycle: Lifecycle.Released,
      claimId: null,
      claimPopKey: null,
      claimIntentUntilMs: null,
      ...{ account: null, entitlement: null, consent: null },
    });
    await tx.appendEvent(
      {
        kind: "claimIntentExpired",
        serial: device.serial,
        code: Code.ClaimIntentExpired,
        text: `The claim of ${device.serial} for ${device.account ?? "an owner that is not named"} expired: the device did not come.`,
        data: { account: device.account },
      },
      nowMs,
    );
    freed.push(device.serial);
  }
  return freed;
}

function ownershipOf({ account, entitlement = null, consent = null }: DeviceRecord): Ownership {
  return { account, entitlement, consent };
}

function claimRefusal(
  device: DeviceRecord,
  account: string | null,
  nowMs: number,
): AgentError | null {
  const { serial, lifecycle } = device;
  switch (lifecycle) {
    case Lifecycle.Released:
      return null;
    case Lifecycle.ClaimPending:
      if (device.account === account) return null;
      // Once a GRANT may have been sent, the device ends that claim at its next contact, however late.
      if (!device.grantPending && (device.claimIntentUntilMs ?? 0) <= nowMs) return null;
      return new AgentError(
        Code.ClaimAlreadyClaimed,
        `device ${serial}: another account's claim is open`,
      );
    case Lifecycle.Wiping:
      return new AgentError(Code.DeviceWiping, `device ${serial}: its wipe has not ended`);
    case Lifecycle.Retired:
      // A device that was wiped for resale has a next owner; one that went back or to scrap has none.
      if (device.endedWipe?.mode === WipeMode.Resale) return null;
      return new AgentError(Code.DeviceRetired, `device ${serial}: it was returned or scrapped`);
    default:
      return new AgentError(Code.ClaimAlreadyClaimed, `device ${serial}: it has an owner`);
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
