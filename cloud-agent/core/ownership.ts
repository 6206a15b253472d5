/** What comes with a claim beside the device: the account, what it pays for, and what its owner agreed to. */
import { AgentCode, AgentError } from "./errors.ts";
import type { DeviceRecord } from "./records.ts";

export interface Entitlement {
  /** plan or subscription, as the system that bills calls it */
  plan: string;
  /** milliseconds since 1970; null: open */
  untilMs: number | null;
  /** set once the device was decommissioned, or the entitlement ended by hand */
  endedMs?: number | null;
}

/** What an owner agreed to. Answers about single updates are their rollout's (consents.ts). */
export interface OwnerConsent {
  /** version of the terms */
  terms: string;
  /** milliseconds since 1970 */
  atMs: number;
  /** who agreed */
  person: string;
  /** what may be done with data, by name, for example telemetry: false */
  data: Record<string, boolean>;
  /** set once the device was decommissioned, or the consent withdrawn */
  endedMs?: number | null;
}

export const claimNeeds = ["account", "entitlement", "consent"] as const;
export type ClaimNeed = (typeof claimNeeds)[number];

/** What a request says of the owner. Left out: not said. */
export interface OwnershipInput {
  entitlement?: { plan: string; untilMs?: number | null };
  consent?: { terms: string; atMs?: number; person?: string; data?: Record<string, boolean> };
}

export type Ownership = Pick<DeviceRecord, "account"> &
  Required<Pick<DeviceRecord, "entitlement" | "consent">>;

/** A caller's clock may be ahead of ours by this much. */
export const consentAheadMsMax = 300_000;

/** Judges what a claim carries. Pure.
 *  @param input.before what an open claim of the same account said; kept where nothing is said now
 *  @returns what to store, or the refusal: ClaimIncomplete, EntitlementOver, ConsentInvalid */
export function readOwnership(
  input: OwnershipInput & { account: string | null; before: Ownership | null },
  context: { serial: string; person: string; needs: readonly ClaimNeed[]; nowMs: number },
): Ownership | AgentError {
  const { account, before } = input;
  const { serial, person, needs, nowMs } = context;
  const entitlement = entitlementOf(input) ?? before?.entitlement ?? null;
  const consent = consentOf(input, person, nowMs) ?? before?.consent ?? null;
  const given: Ownership = { account, entitlement, consent };
  const missing = needs.filter((name) => given[name] === null);
  if (missing.length > 0) {
    return new AgentError(
      AgentCode.ClaimIncomplete,
      `device ${serial}: expected a claim with ${needs.join(", ")}, got none of ${missing.join(", ")}`,
    );
  }
  return ownershipRefusal(serial, given, nowMs) ?? given;
}

/** True while somebody pays for the device. Pure. */
export function isEntitled({ entitlement }: Pick<DeviceRecord, "entitlement">, nowMs: number) {
  if (!entitlement || entitlement.endedMs) return false;
  return entitlement.untilMs === null || entitlement.untilMs > nowMs;
}

/** The device after its owner has gone: what was said stays, with its end. Pure. */
export function endOwnership(device: DeviceRecord, nowMs: number): DeviceRecord {
  const { entitlement, consent } = device;
  return {
    ...device,
    ...(entitlement ? { entitlement: ended(entitlement, nowMs) } : {}),
    ...(consent ? { consent: ended(consent, nowMs) } : {}),
  };
}

/** What is said of an entitlement, as it is stored; null: nothing. Pure. */
export function entitlementOf({ entitlement: given }: Pick<OwnershipInput, "entitlement">) {
  return given ? { plan: given.plan, untilMs: given.untilMs ?? null } : null;
}

/** What is said of a consent, as it is stored; null: nothing. Pure. */
export function consentOf(
  { consent: given }: Pick<OwnershipInput, "consent">,
  person: string,
  nowMs: number,
): OwnerConsent | null {
  if (!given) return null;
  const { terms, atMs = nowMs, data = {} } = given;
  return { terms, atMs, person: given.person ?? person, data };
}

/** Why an entitlement or a consent cannot be taken now: EntitlementOver, ConsentInvalid. Pure. */
export function ownershipRefusal(
  serial: string,
  { entitlement, consent }: Pick<Ownership, "entitlement" | "consent">,
  nowMs: number,
): AgentError | null {
  if (entitlement && !isEntitled({ entitlement }, nowMs)) {
    const end = entitlement.endedMs ?? entitlement.untilMs ?? nowMs;
    return new AgentError(
      AgentCode.EntitlementOver,
      `device ${serial}: expected an entitlement that goes on, ${entitlement.plan} ended at ${iso(end)}`,
    );
  }
  if (consent && consent.atMs > nowMs + consentAheadMsMax) {
    return new AgentError(
      AgentCode.ConsentInvalid,
      `device ${serial}: expected a consent that was given, got one of ${iso(consent.atMs)}, which is to come`,
    );
  }
  return null;
}

function ended<T extends { endedMs?: number | null }>(one: T, nowMs: number): T {
  return { ...one, endedMs: one.endedMs ?? nowMs };
}

function iso(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString();
}
