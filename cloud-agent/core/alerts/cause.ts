/** Looks for what many findings of one rule have in common. Pure. */
import { causeCountMin, causeShareMin, fleetCountMin } from "./limits.ts";
import type { CauseKind, Held, Places } from "./types.ts";

/** How many devices there are by gateway, site, batch and release; null while nobody has counted. */
export type Totals = Record<keyof Places, Record<string, number>>;

export interface Cause {
  kind: CauseKind;
  name: string;
  members: Held[];
}

/** The cause that explains the findings best: the largest share of its devices, then the most devices, then the likelier
 *  kind. @returns null when there is none */
export function commonCause(
  found: readonly Held[],
  kinds: readonly CauseKind[],
  totals: Totals,
): Cause | null {
  let best: { cause: Cause; share: number } | null = null;
  for (const kind of kinds) {
    if (kind === "fleet") continue;
    for (const [name, members] of byPlace(found, kind)) {
      // A device may have moved since the fleet was counted.
      const total = Math.max(totals[kind][name] ?? 0, members.length);
      const share = members.length / total;
      if (members.length < causeCountMin || share < causeShareMin) continue;
      const isBetter =
        best === null ||
        share > best.share ||
        (share === best.share && members.length > best.cause.members.length);
      if (isBetter) best = { cause: { kind, name, members }, share };
    }
  }
  if (best) return best.cause;
  if (!kinds.includes("fleet") || found.length < fleetCountMin) return null;
  return { kind: "fleet", name: "all", members: [...found] };
}

/** Whether a finding belongs to a cause. */
export function belongsTo(
  held: Pick<Held, "places">,
  cause: { kind: string; name: string },
): boolean {
  if (cause.kind === "fleet") return true;
  return held.places[cause.kind as keyof Places] === cause.name;
}

function byPlace(found: readonly Held[], kind: keyof Places): Map<string, Held[]> {
  const groups = new Map<string, Held[]>();
  for (const held of found) {
    const name = held.places[kind];
    if (name === null || name === undefined) continue;
    groups.set(name, [...(groups.get(name) ?? []), held]);
  }
  return groups;
}
