import type { ErrorKind } from "./errors.ts";

/** What 641 to 649 say: filters, imports, payload origins. The numbers have their names in errors.ts; keyed by number here,
 *  because that file needs this one first. */
export const fleetErrorKinds: Record<number, ErrorKind> = {
  641: {
    name: "FilterInvalid",
    status: 422,
    next: "Correct the column that the detail names; fleetling filter fields lists all fields.",
  },
  642: {
    name: "FilterUnknown",
    status: 404,
    next: "List the saved filters with fleetling filter list.",
  },
  643: {
    name: "FilterInUse",
    status: 409,
    next: "Wait until the rollout that the detail names has ended, or abort it.",
  },
  644: {
    name: "ImportInvalid",
    status: 422,
    next: "Export again and send the whole file; what was taken before it is kept and not taken twice.",
  },
  645: {
    name: "ImportConflict",
    status: 409,
    next: "Look at the device at both agents; an import never overwrites what is here.",
  },
};
