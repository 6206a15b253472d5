import { uptime } from "node:os";
import type { Clock } from "../core/ports.ts";

/** The host's clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  // Unlike performance.now() it goes on while the host sleeps.
  monotonicMs: () => uptime() * 1000,
};
