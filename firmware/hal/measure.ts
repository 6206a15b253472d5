/** What the runtime measures of the chip and the interpreter. */

declare const global: any;

/** Collects garbage and tells the share of variables in use, in permille. */
export function memoryUsedPermille(): number {
  const m = process.memory();
  return (m.usage * 1000) / m.total;
}

/** [least seen between events, most seen inside hashes and flash writes, now] variables in use; only in probe builds. */
export function variablesInUse(): number[] {
  return [global.IDLE, global.PROBE, process.memory().usage];
}

/** Looks at memory when nothing is under way; only in probe builds. */
export function watchIdle(): void {
  setInterval(() => {
    global.IDLE = process.memory().usage;
  }, 700);
}

export function uptimeS(): number {
  return Math.round(getTime());
}
