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
  636: {
    name: "HookVetoed",
    status: 409,
    next: "Ask whoever runs the system that the detail names; what others had done is taken back.",
  },
  637: {
    name: "HookFailed",
    status: 502,
    next: "Repair the system that the detail names, then try again; what others had done is taken back.",
  },
  638: {
    name: "HooksInvalid",
    status: 500,
    next: "Correct the hooks named in the message, in the file that FLEETLING_HOOKS names.",
  },
  639: {
    name: "ProvisioningStateWrong",
    status: 409,
    next: "Read what is under way: fleetling hook list.",
  },
};
