import type { Clock } from "../core/ports.ts";

/** The host's clock. */
export const systemClock: Clock = { nowMs: () => Date.now() };
