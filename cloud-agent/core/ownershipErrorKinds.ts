import type { ErrorKind } from "./errors.ts";

/** What 633 to 639 say: what a claim carries, and the calls that go with it. Keyed by number as in rolloutErrorKinds.ts. */
export const ownershipErrorKinds: Record<number, ErrorKind> = {
  633: {
    name: "ClaimIncomplete",
    status: 422,
    next: "Send what the detail names with the claim; FLEETLING_CLAIM_REQUIRES says what every claim needs.",
  },
  634: {
    name: "EntitlementOver",
    status: 422,
    next: "Renew the entitlement first, or send one that is open or ends later.",
  },
  635: {
    name: "ConsentInvalid",
    status: 422,
    next: "Send the time at which the owner agreed, in milliseconds since 1970, or leave it out.",
  },
};
