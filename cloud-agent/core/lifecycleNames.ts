import { Lifecycle } from "../../firmware/protocol/messages.ts";

/** One word per lifecycle, the same on every screen and in filters. */
export const lifecycleNames: Record<number, string> = {
  [Lifecycle.Unknown]: "unknown",
  [Lifecycle.Released]: "released",
  [Lifecycle.ClaimPending]: "claimPending",
  [Lifecycle.Operating]: "operating",
  [Lifecycle.Transfer]: "transfer",
  [Lifecycle.Wiping]: "wiping",
  [Lifecycle.Retired]: "retired",
  [Lifecycle.Maintenance]: "maintenance",
};
