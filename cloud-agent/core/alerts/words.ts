import { namesInTextMax } from "./limits.ts";
import { alertRules } from "./rules.ts";
import type { AlertRecord, Held, RuleName } from "./types.ts";

/** The sentence of an alert: a single finding's own, or a count, its cause and some names. */
export function alertText(
  rule: RuleName,
  cause: AlertRecord["cause"],
  members: readonly Held[],
  total: number | null,
): string {
  if (members.length === 1 && members[0]!.subject.name === cause.name) return members[0]!.text;
  const { words } = alertRules[rule];
  const names = members.slice(0, namesInTextMax).map(({ subject }) => subject.name);
  if (members.length > names.length) names.push(`${members.length - names.length} more`);
  const count = total === null ? `${members.length}` : `${members.length} of ${total}`;
  const noun = rule === "gatewayOffline" ? "gateway" : rule === "temperature" ? "batch" : "device";
  const things = (total ?? members.length) === 1 ? noun : `${noun}${noun === "batch" ? "es" : "s"}`;
  const place = cause.kind === "fleet" ? "" : ` of ${cause.kind} ${cause.name}`;
  const verb = members.length === 1 ? words.one : words.many;
  return `${count} ${things}${place} ${verb}: ${names.join(", ")}.`;
}
