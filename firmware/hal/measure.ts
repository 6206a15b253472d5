/** What the runtime measures of the chip and the interpreter. */

declare const global: any;

/** Collects garbage and tells the share of variables in use, in permille. */
export function memoryUsedPermille(): number {
  const m = process.memory();
  return (m.usage * 1000) / m.total;
}

/** [now, most seen inside hashes and flash writes, now] variables in use; only in probe builds. */
export function variablesInUse(): number[] {
  const used = process.memory().usage;
  return [used, global.PROBE, used];
}

export function uptimeS(): number {
  return Math.round(getTime());
}
