/** A claim begins here: the code is checked and an intent opened. The device ends it (GRANT, COMMIT). */
import { Code } from "../../firmware/protocol/errors.ts";
import { codeHash, popKey } from "../../firmware/protocol/host/kdf.ts";
import { readCode } from "../../firmware/protocol/host/labels.ts";
import { Lifecycle, WipeMode } from "../../firmware/protocol/messages.ts";
import type { Tx } from "../storage/store.ts";
import { AgentCode, AgentError } from "./errors.ts";
import { claimIntentMs, openClaimsMax, wrongCodesMax, wrongCodesSpanMs } from "./limits.ts";
import { type ClaimNeed, type Ownership, type OwnershipInput, readOwnership } from "./ownership.ts";
import type { Random } from "./ports.ts";
import { type HookPlan, newSaga } from "./provisioning/saga.ts";
import { findSaga, saveSaga, undoClaim } from "./provisioning/store.ts";
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

/** What claims need to know of the agent. */
export interface ClaimEdge {
  random: Random;
  nowMs: number;
  /** what every claim has to say; left out: nothing */
  claimNeeds?: readonly ClaimNeed[];
  /** other systems that are asked first; left out: none */
  hooks?(event: "claim" | "transfer"): readonly HookPlan[];
  /** the listening clock; left out: the wall clock has to do */
  steadyMs?: number;
}

/** Opens a claim intent of 15 minutes, or renews the same account's open one under the same claim id. Keys change only
 *  once the device has proven possession of the code itself (`grantPending`). With hooks, the claim is held: the device's
 *  proof counts only once they have passed, so that a claim that is refused has changed nothing on the device.
 *  @returns the device, or the refusal as a value: its event has to be committed with the transaction */
export async function openClaim(
  tx: Tx,
  request: ClaimRequest,
  edge: ClaimEdge,
): Promise<DeviceRecord | AgentError> {
  const { serial, account, person } = request;
  const { nowMs } = edge;
  const device = await tx.device(serial);
  if (!device) {
    return new AgentError(Code.UnknownDevice, `device ${serial}: no birth is registered`);
  }
  const code = await readRightCode(tx, request, device, nowMs);
  if (code instanceof AgentError) return code;
  const refusal = claimRefusal(device, account, nowMs);
  if (refusal) return refusal;
  const intentIsOpen = device.lifecycle === Lifecycle.ClaimPending && device.account === account;
  const owned = readOwnership(
    { ...request, before: intentIsOpen ? ownershipOf(device) : null },
    { serial, person, needs: edge.claimNeeds ?? [], nowMs },
  );
  if (owned instanceof AgentError) return owned;
  if (intentIsOpen && device.claimId && (await findSaga(tx, device.claimId))) {
    return renewTold(tx, device, owned, person, nowMs);
  }
  const now = { steadyMs: edge.steadyMs ?? nowMs, wallMs: nowMs };
  if (!intentIsOpen && device.lifecycle === Lifecycle.ClaimPending) {
    await undoClaim(tx, device.claimId, now);
  }
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
  const event = device.endedWipe?.mode === WipeMode.Resale ? "transfer" : "claim";
  const hooks = edge.hooks?.(event) ?? [];
  if (hooks.length > 0 && !device.grantPending) {
    const id = claimed.claimId!;
    const held = { ...claimed, claimIntentUntilMs: null, provisioning: id };
    await tx.putDevice(held);
    const { model, board, batch } = device.birth;
    const previousAccount = device.lifecycle === Lifecycle.Retired ? device.account : null;
    const facts = { ...owned, model, board, batch, previousAccount, mode: null };
    const begun = { id, event, serial, person, facts, startedMs: nowMs } as const;
    await saveSaga(tx, newSaga(begun, hooks), null, now);
    const text = `${person} wants to claim ${serial} for ${ownerName(account)}; ${hooks.map(({ name }) => name).join(", ")} are asked first.`;
    await tx.appendEvent({ kind: "provisioningBegun", serial, text, data: { id, event } }, nowMs);
    return held;
  }
  await tx.putDevice(claimed);
  await tellOpen(tx, claimed, { person, isRenewed: intentIsOpen }, nowMs);
  return claimed;
}

/** Opens a held claim to its device: its hooks have passed. */
export async function admitClaim(
  tx: Tx,
  device: DeviceRecord,
  person: string,
  nowMs: number,
): Promise<void> {
  const open = { ...device, claimIntentUntilMs: nowMs + claimIntentMs };
  await tx.putDevice(open);
  await tellOpen(tx, open, { person, isRenewed: false }, nowMs);
}

/** The device after a claim that came to nothing. Pure. */
export function freeClaim(device: DeviceRecord): DeviceRecord {
  return {
    ...device,
    lifecycle: Lifecycle.Released,
    claimId: null,
    claimPopKey: null,
    claimIntentUntilMs: null,
    ...{ account: null, entitlement: null, consent: null },
  };
}

/** A claim of which other systems were told: it is not told to them again, and so it cannot say anything else. */
async function renewTold(
  tx: Tx,
  device: DeviceRecord,
  owned: Ownership,
  person: string,
  nowMs: number,
): Promise<DeviceRecord | AgentError> {
  if (said(owned) !== said(ownershipOf(device))) {
    return new AgentError(
      AgentCode.ProvisioningStateWrong,
      `device ${device.serial}: expected the claim as other systems were told of it, got another entitlement or consent`,
    );
  }
  if (device.provisioning) return device;
  const renewed = { ...device, claimIntentUntilMs: nowMs + claimIntentMs };
  await tx.putDevice(renewed);
  await tellOpen(tx, renewed, { person, isRenewed: true }, nowMs);
  return renewed;
}

async function tellOpen(
  tx: Tx,
  device: DeviceRecord,
  { person, isRenewed }: { person: string; isRenewed: boolean },
  nowMs: number,
): Promise<void> {
  const { serial, claimId } = device;
  const owned = ownershipOf(device);
  await tx.appendEvent(
    {
      kind: isRenewed ? "claimIntentRenewed" : "claimIntentOpened",
      serial,
      text: `${person} claims ${serial} for ${ownerName(owned.account)}; the device has 15 minutes to confirm.`,
      data: { ...owned, claimId, person },
    },
    nowMs,
  );
}

/** @returns the code in its one spelling, or why it is not taken; a wrong one is noted */
async function readRightCode(
  tx: Tx,
  request: ClaimRequest,
  device: DeviceRecord,
  nowMs: number,
): Promise<string | AgentError> {
  const { serial, account, person } = request;
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
  return code;
}

/** Closes claims that no device came for, and has other systems take back what they did for them. Called now and then by
 *  the loop.
 *  @param steadyMs the listening clock; left out: the wall clock has to do
 *  @returns serials of the devices that are free again */
export async function expireClaims(tx: Tx, nowMs: number, steadyMs = nowMs): Promise<string[]> {
  const pending = await tx.devices({ lifecycle: Lifecycle.ClaimPending, limit: openClaimsMax });
  const freed: string[] = [];
  for (const device of pending) {
    if (device.grantPending || device.provisioning) continue;
    if ((device.claimIntentUntilMs ?? 0) > nowMs) continue;
    await tx.putDevice(freeClaim(device));
    await undoClaim(tx, device.claimId, { steadyMs, wallMs: nowMs });
    await tx.appendEvent(
      {
        kind: "claimIntentExpired",
        serial: device.serial,
        code: Code.ClaimIntentExpired,
        text: `The claim of ${device.serial} for ${ownerName(device.account)} expired: the device did not come.`,
        data: { account: device.account },
      },
      nowMs,
    );
    freed.push(device.serial);
  }
  return freed;
}

function ownerName(account: string | null): string {
  return account ?? "an owner that is not named";
}

/** What other systems are told of, but for when: a repeat comes later. */
function said({ account, entitlement, consent }: Ownership): string {
  const { plan, untilMs } = entitlement ?? {};
  const { terms, data = {} } = consent ?? {};
  const uses = Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([account, plan, untilMs, terms, uses]);
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
      if (!device.grantPending && !device.provisioning) {
        if ((device.claimIntentUntilMs ?? 0) <= nowMs) return null;
      }
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
