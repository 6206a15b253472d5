/** Filters under a name: groups whose members follow from what is known of the devices. */
import type { Tx } from "../../storage/store.ts";
import { documentKind } from "../documents.ts";
import { AgentCode, AgentError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import type { RolloutPolicy, DeviceFilter as Target } from "../rollout/policyTypes.ts";
import type { RolloutRecord } from "../rollout/types.ts";
import { filtersMax } from "./limits.ts";
import { parseFilter } from "./parse.ts";
import type { Expr } from "./types.ts";

export interface SavedFilter {
  name: string;
  where: string;
  note: string;
  /** counts up with every other text */
  revision: number;
  person: string;
  changedMs: number;
}

export const savedFilters = documentKind<SavedFilter>("filter");

/** A name alone never reads as an expression, because that has an operator. */
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Saves a filter, or gives it another text. The same again changes nothing.
 *  @throws AgentError FilterInvalid */
export async function saveFilter(
  tx: Tx,
  input: { name: string; where: string; note?: string; person: string },
  nowMs: number,
): Promise<SavedFilter> {
  const { name, where, person } = input;
  // "fields" is a path of its own.
  if (!namePattern.test(name) || name === "fields") {
    const wanted = "a name of letters, digits, dots and dashes, at most 64";
    throw new AgentError(AgentCode.FilterInvalid, `filter: expected ${wanted}, got "${name}"`);
  }
  parseFilter(where);
  const before = await tx.documents.get(savedFilters, name);
  const note = input.note ?? before?.note ?? "";
  if (before?.where === where && before.note === note) return before;
  if (!before && (await tx.documents.count(savedFilters)) >= filtersMax) {
    const text = `filter ${name}: expected at most ${filtersMax} saved filters, there are as many`;
    throw new AgentError(AgentCode.FilterInvalid, text);
  }
  const revision = (before?.revision ?? 0) + (before?.where === where ? 0 : 1);
  const saved = { name, where, note, revision, person, changedMs: nowMs };
  await tx.documents.put(savedFilters, { id: name, value: saved });
  const text = `${person} saved filter ${name}: ${where}`;
  await tx.appendEvent({ kind: "filterSaved", text, data: { ...saved } }, nowMs);
  return saved;
}

/** @throws AgentError FilterUnknown */
export async function needFilter(tx: Tx, name: string): Promise<SavedFilter> {
  const found = await tx.documents.get(savedFilters, name);
  if (found) return found;
  const names = (await tx.documents.list(savedFilters, { limit: filtersMax })).map(({ id }) => id);
  const near = nearest(name, names);
  const hint = near === null ? "" : `; did you mean "${near}"?`;
  throw new AgentError(AgentCode.FilterUnknown, `filter ${name}: nobody saved one${hint}`);
}

/** @throws AgentError FilterUnknown, FilterInUse when a rollout that is under way names it */
export async function deleteFilter(
  tx: Tx,
  input: { name: string; person: string },
  nowMs: number,
): Promise<void> {
  const { name, person } = input;
  await needFilter(tx, name);
  const [user] = usersOf(name, await tx.rollouts({ activeOnly: true }));
  if (user) {
    throw new AgentError(
      AgentCode.FilterInUse,
      `filter ${name}: rollout "${user.policy.name}" (${user.id}, ${user.status}) names it`,
    );
  }
  await tx.documents.delete(savedFilters, name);
  const text = `${person} deleted filter ${name}.`;
  await tx.appendEvent({ kind: "filterDeleted", text, data: { name, person } }, nowMs);
}

/** Rollouts whose target or waves name a filter. Pure. */
export function usersOf(name: string, rollouts: RolloutRecord[]): RolloutRecord[] {
  return rollouts.filter(({ policy }) => targetsOf(policy).some(({ saved }) => saved === name));
}

/** The expression of what somebody gave: a saved filter's name, or the expression itself.
 *  @throws AgentError FilterUnknown, FilterInvalid */
export async function exprOf(tx: Tx, nameOrWhere: string): Promise<Expr> {
  if (!namePattern.test(nameOrWhere)) return parseFilter(nameOrWhere);
  return parseFilter((await needFilter(tx, nameOrWhere)).where);
}

/** Writes the text of each saved filter beside its name: what a rollout means does not change when somebody edits the
 *  filter. @throws AgentError FilterUnknown */
export async function resolveSaved(tx: Tx, policy: RolloutPolicy): Promise<RolloutPolicy> {
  const texts = new Map<string, string>();
  for (const { saved } of targetsOf(policy)) {
    if (saved !== undefined) texts.set(saved, (await needFilter(tx, saved)).where);
  }
  if (texts.size === 0) return policy;
  const resolved = (target: Target): Target => {
    const { saved } = target;
    return saved === undefined ? target : { ...target, savedWhere: texts.get(saved) };
  };
  const waves = policy.waves.map((wave) => {
    const { size } = wave;
    return "filter" in size ? { ...wave, size: { filter: resolved(size.filter) } } : wave;
  });
  return { ...policy, target: resolved(policy.target), waves };
}

function targetsOf({ target, waves }: RolloutPolicy): Target[] {
  return [target, ...waves.flatMap(({ size }) => ("filter" in size ? [size.filter] : []))];
}
