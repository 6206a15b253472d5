import type { SimTimer } from "../clock.ts";
import type { Machine } from "./machine.ts";

interface Running {
  timer: SimTimer;
  periodMs: number | null;
  callback: unknown;
  args: unknown[];
}

const periodMsMin = 0.1;

/** setTimeout and its family, with Espruino's small numbers as ids and its refusals.
 *  @returns the globals and a count of running timers
 *  Source: interpreter src/jswrap_interactive.c */
export function timerGlobals(machine: Machine): {
  globals: Record<string, unknown>;
  count: () => number;
} {
  const running = new Map<number, Running>();

  const arm = (id: number, ms: number) => {
    const entry = running.get(id)!;
    entry.timer = machine.after(ms, () => {
      if (entry.periodMs === null) running.delete(id);
      else arm(id, entry.periodMs);
      machine.call(entry.callback, machine.realm.global, entry.args);
    });
  };
  const start = (callback: unknown, ms: unknown, args: unknown[], isRepeating: boolean) => {
    if (typeof callback !== "function" && typeof callback !== "string") {
      throw machine.error("Function or String not supplied!");
    }
    const period = Math.max(periodMsMin, Number(ms) || 0);
    let id = 1;
    while (running.has(id)) id++;
    const timer: SimTimer = { cancel() {} };
    running.set(id, { timer, periodMs: isRepeating ? period : null, callback, args });
    arm(id, period);
    return id;
  };
  const stop = (name: string) => (args: unknown[]) => {
    if (args.length === 0) {
      for (const entry of running.values()) entry.timer.cancel();
      running.clear();
    } else if (args[0] === undefined) {
      throw machine.error(`clear${name}(undefined) not allowed. Use clear${name}() instead`);
    } else {
      running.get(Number(args[0]))?.timer.cancel();
      running.delete(Number(args[0]));
    }
  };
  const change = (id: unknown, ms: unknown) => {
    const entry = running.get(Number(id));
    if (!entry) throw machine.error("Unknown Interval");
    entry.timer.cancel();
    entry.periodMs = Math.max(periodMsMin, Number(ms) || 0);
    arm(Number(id), entry.periodMs);
  };
  const stopInterval = stop("Interval");
  const stopTimeout = stop("Timeout");
  return {
    count: () => running.size,
    globals: {
      setTimeout: machine.native((fn: unknown, ms: unknown, ...args: unknown[]) =>
        start(fn, ms, args, false),
      ),
      setInterval: machine.native((fn: unknown, ms: unknown, ...args: unknown[]) =>
        start(fn, ms, args, true),
      ),
      clearTimeout: machine.native((...args: unknown[]) => stopTimeout(args)),
      clearInterval: machine.native((...args: unknown[]) => stopInterval(args)),
      changeInterval: machine.native(change),
    },
  };
}
