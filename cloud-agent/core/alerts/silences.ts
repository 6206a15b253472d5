import type { AlertRecord, Held, Silence } from "./types.ts";

/** The silence that keeps an alert from being told: one that matches its cause, or all that is in it.
 *  @returns its id; null when there is none */
export function isSilenced(
  alert: Pick<AlertRecord, "rule" | "cause">,
  members: readonly Pick<Held, "subject" | "places">[],
  silences: readonly Silence[],
  steadyMs: number,
): string | null {
  const matching = silences.find((silence) => {
    if (silence.untilSteadyMs <= steadyMs) return false;
    if (silence.rule !== null && silence.rule !== alert.rule) return false;
    const { kind, name } = alert.cause;
    const isOfCause =
      kind in silence && silence[kind as "site"] === name && onlyNames(silence, kind);
    return isOfCause || members.every((member) => matches(silence, member));
  });
  return matching?.id ?? null;
}

/** True when the silence asks for nothing but this. */
function onlyNames(silence: Silence, kind: string): boolean {
  const asked = (["subject", "gateway", "site", "batch", "release"] as const).filter(
    (name) => silence[name] !== null,
  );
  return asked.length === 1 && asked[0] === kind;
}

function matches(silence: Silence, { subject, places }: Pick<Held, "subject" | "places">): boolean {
  if (silence.subject !== null && silence.subject !== subject.name) return false;
  return (["gateway", "site", "batch", "release"] as const).every((kind) => {
    return silence[kind] === null || silence[kind] === places[kind];
  });
}
