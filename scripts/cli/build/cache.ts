import { createHash } from "node:crypto";
import { cacheFolder, openStore, type Store } from "./cacheStore.ts";

const results = new Map<string, Promise<unknown>>();
const entriesMax = 500;

let store: Store | null | undefined;

/** Runs a step once for the same inputs, in this process and, where there is a folder for it, on this machine: a build
 *  after a change of one module repeats only what that module is part of.
 *  A step that failed is not kept.
 *  @param inputs everything the result depends on besides the build's own code; must survive JSON
 *  @param work its result must survive JSON */
export function once<T>(step: string, inputs: unknown, work: () => Promise<T>): Promise<T> {
  if (store === undefined) store = openStore(cacheFolder());
  const key = createHash("sha256")
    .update(`${store?.toolDigest}\n${step}\n${JSON.stringify(inputs)}`)
    .digest("hex");
  const known = results.get(key) as Promise<T> | undefined;
  if (known) return known;
  if (results.size >= entriesMax) results.clear();
  const result = kept(key, work);
  results.set(key, result);
  result.catch(() => results.delete(key));
  return result;
}

async function kept<T>(key: string, work: () => Promise<T>): Promise<T> {
  const known = store?.read(key);
  if (known !== undefined) return JSON.parse(known);
  const made = await work();
  store?.write(key, JSON.stringify(made));
  return made;
}
