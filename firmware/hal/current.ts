import type { Hal } from "./hal.ts";

/** The HAL that this start uses. A module variable instead of an argument everywhere: arguments cost variables. */
export let h: Hal;

/** Sets it once at start (on a device) or before a call (in tests). */
export function setHal(hal: Hal): void {
  h = hal;
}
