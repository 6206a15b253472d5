import { createHash } from "node:crypto";

const results = new Map<string, Promise<unknown>>();
const entriesMax = 500;

/** Runs a step once per process for the same inputs: tests, demo and simulators build the same
 *  texts many times.
 *  A step that failed is not kept.
 *  @param inputs everything the result depends on; must survive JSON */
export function once<T>(step: string, inputs: unknown, work: () => Promise<T>): Promise<T> {
  const key = createHash("sha256")
    .update(`${step}\n${JSON.stringify(inputs)}`)
    .digest("hex");
  const known = results.get(key) as Promise<T> | undefined;
  if (known) return known;
  if (results.size >= entriesMax) results.clear();
  const result = work();
  results.set(key, result);
  result.catch(() => results.delete(key));
  return result;
}
