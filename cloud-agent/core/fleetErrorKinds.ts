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
  646: {
    name: "OriginUnreachable",
    status: 503,
    next: "Look at the origin that FLEETLING_PAYLOADS names: address, keys, rights; then try again.",
  },
  647: {
    name: "PayloadDamaged",
    status: 502,
    next: "Publish the release file again: its payload is stored anew where it differs.",
  },
  648: {
    name: "LinkInvalid",
    status: 403,
    next: "Ask for a new link: POST /v1/payloads/{digest}/links.",
  },
  649: {
    name: "RangeUnsatisfiable",
    status: 416,
    next: "Ask for a range within the size that Content-Range tells.",
  },
};
