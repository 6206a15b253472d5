/** Stops device code that does not return: an endless loop on a simulated board must not stop the host. */
import vm from "node:vm";

/** Thrown when device code ran longer than the host allows. */
export class RanTooLong extends Error {
  readonly code = "RAN_TOO_LONG";
  constructor() {
    super("device code did not return");
  }
}

const launchpad = vm.createContext({ go: null as (() => unknown) | null });
const launch = new vm.Script("go()");
let depth = 0;
/** Within a loop with a limit: who is told when the code that runs now does not return. */
let loop: { owner: ((error: RanTooLong) => void) | null } | null = null;

/** Runs device code and stops it after limitMs of the host's time. Within `loopWithLimit` the loop's own limit counts.
 *  @param limitMs 0 = no limit, which saves some 50 µs per call
 *  @param stopped told in place of a return or a throw when the code had to be stopped
 *  @throws whatever fn throws */
export function withLimit(
  limitMs: number,
  fn: () => void,
  stopped: (error: RanTooLong) => void,
): void {
  if (depth > 0) {
    const outermost = loop && loop.owner === null ? loop : null;
    if (outermost) outermost.owner = stopped;
    try {
      fn();
    } finally {
      // Not reached by code that is stopped, so that its owner is still known then.
      if (outermost) outermost.owner = null;
    }
  } else if (!limitMs) fn();
  else if (!ranInTime(limitMs, fn)) stopped(new RanTooLong());
}

/** How long one watch over several steps lasts: starting one costs as much as a step. */
const watchMs = 100;

/** Runs steps, each of which may call `withLimit`, under one watch for many of them.
 *  @param limitMs what a step may take, at least; 0 = no limit
 *  @param step returns false when there is nothing left to do
 *  @throws RanTooLong when what is no device code took longer; whatever step throws */
export function loopWithLimit(limitMs: number, step: () => boolean): void {
  let isOver = false;
  if (!limitMs || depth > 0) while (!isOver) isOver = !step();
  while (!isOver) {
    const mine = { owner: null as ((error: RanTooLong) => void) | null };
    loop = mine;
    const endMs = performance.now() + watchMs;
    const steps = () => {
      do isOver = !step();
      while (!isOver && performance.now() < endMs);
    };
    let inTime: boolean;
    try {
      inTime = ranInTime(limitMs + watchMs, steps);
    } finally {
      loop = null;
    }
    if (inTime) continue;
    if (!mine.owner) throw new RanTooLong();
    mine.owner(new RanTooLong());
  }
}

/** @returns false when it was stopped; frames between here and there are gone without their `finally` */
function ranInTime(limitMs: number, fn: () => void): boolean {
  depth++;
  try {
    launchpad.go = fn;
    launch.runInContext(launchpad, { timeout: limitMs });
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === "ERR_SCRIPT_EXECUTION_TIMEOUT") return false;
    throw error;
  } finally {
    depth--;
  }
}
