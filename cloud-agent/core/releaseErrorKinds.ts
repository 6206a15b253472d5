import type { ErrorKind } from "./errors.ts";

/** What 620 to 629 say: releases, their keys and leaves. The numbers have their names in errors.ts; keyed by number here,
 *  because that file needs this one first. */
export const releaseErrorKinds: Record<number, ErrorKind> = {
  620: {
    name: "ReleaseDiffers",
    status: 409,
    next: "A sequence is used once. Publish under a higher sequence.",
  },
  621: {
    name: "ReleaseKeysMissing",
    status: 503,
    next: "Set FLEETLING_RELEASE_KEYS to the release key set's public file and start the agent again.",
  },
  622: {
    name: "ReleaseClassTwice",
    status: 422,
    next: "Send one image per class.",
  },
  623: {
    name: "LeafReused",
    status: 422,
    next: "Stop using this release key and replace the key set; see the runbook on key loss.",
  },
  624: {
    name: "LeavesExhausted",
    status: 409,
    next: "Ask for fewer, or make a new release key and a key set that names it.",
  },
  625: {
    name: "LedgerBehind",
    status: 409,
    next: "Stop signing at this desk: its ledger is an old copy. Restore the newest one, or give the desk a new folder with fleetling keys desk.",
  },
  626: {
    name: "LeasesHeld",
    status: 409,
    next: "Run fleetling keys lease --leaves 0 at every signing desk, then POST /v1/leases/release.",
  },
  627: {
    name: "LeaseRangesFull",
    status: 409,
    next: "Make a new release key and a key set that names it; lease larger ranges from it.",
  },
  628: {
    name: "ReleaseKeyUnknown",
    status: 404,
    next: "Give the agent the key set that names this release key.",
  },
  629: {
    name: "LeaseOfAnother",
    status: 409,
    next: "Stop signing at this desk: its folder is a copy of another's, or its token has another name than before. Give it a folder of its own with fleetling keys desk.",
  },
};
