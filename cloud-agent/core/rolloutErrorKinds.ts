import type { ErrorKind } from "./errors.ts";

/** What 670 to 679 say: policies, approvals, consent, reports, history. The numbers have their names in errors.ts; keyed by
 *  number here, because that file needs this one first. */
export const rolloutErrorKinds: Record<number, ErrorKind> = {
  670: {
    name: "PolicyFileInvalid",
    status: 422,
    next: "Correct the lines named; fleetling rollout schema prints what a policy file may hold.",
  },
  671: {
    name: "ApprovalMissing",
    status: 409,
    next: "Have others than the author approve it, by their own tokens: fleetling rollout approve ID.",
  },
  672: {
    name: "ConsentNotAsked",
    status: 409,
    next: "Read /v1/devices/{serial}/next: only what an open wave asks for can be answered.",
  },
  673: {
    name: "ConsentNotOwner",
    status: 403,
    next: "Only the account that the device is claimed for can answer.",
  },
  674: {
    name: "ReleaseIncomplete",
    status: 422,
    next: "Sign it again with --notes and --support-until.",
  },
  675: {
    name: "EvidenceMissing",
    status: 422,
    next: "Publish with fleetling release publish FILE --rehearsal REPORT --tests REPORT.",
  },
  676: {
    name: "EvidenceWrong",
    status: 422,
    next: "Rehearse and test these very images, and send the reports of that.",
  },
  677: {
    name: "ReportInvalid",
    status: 422,
    next: "Write the report with fleetling release report, or correct the field that the detail names.",
  },
  678: {
    name: "HistoryTooShort",
    status: 404,
    next: "Ask for a time from the one that the detail names, or read the device's events.",
  },
};
