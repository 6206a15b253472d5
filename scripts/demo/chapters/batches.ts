const atOnce = 8;

/** Runs a job for every item, a few at once. @throws the first job's error */
export async function inBatches<T>(
  items: readonly T[],
  job: (item: T) => Promise<unknown>,
): Promise<void> {
  for (let at = 0; at < items.length; at += atOnce) {
    await Promise.all(items.slice(at, at + atOnce).map(job));
  }
}
