import { IdAt } from "../flash/identity.ts";
import { Rec } from "../flash/journal.ts";
import type { Bytes } from "../hal/hal.ts";
import type { Kit } from "./kit.ts";
import { readSlots } from "./slots.ts";

/** [version, release signatures needed, release keys (48 bytes each), root id(16), release it waits for]; the last two are
 *  in records only: the identity page has the first root id at IdAt.RootId. */
export type KeySetRecord = [number, number, Bytes, Bytes?, number?];

/** The key set by which releases are judged: the record that the slots record names, else the identity's.
 *  Source: SPEC.md §2.1, §2.2 */
export function keySetInForce(k: Pick<Kit, "h" | "get">): KeySetRecord {
  const version = readSlots(k)[4];
  const set = keySetOf(k, version);
  if (set) return set;
  const n = k.h.read(IdAt.KeySet + 2, 2);
  return [version, n[0]!, k.h.read(IdAt.Keys, 48 * n[1]!)];
}

/** The record of a version, null when there is none. The one after that in force may wait for a release. */
export function keySetOf(k: Pick<Kit, "get">, version: number): KeySetRecord | null {
  const a = k.get(Rec.KeySetA);
  const set = a && a[0] === version ? a : k.get(Rec.KeySetB);
  return set && set[0] === version ? set : null;
}
