import type { Facts } from "./facts.ts";

type Check = [name: keyof Facts, expected: string, holds: (facts: Facts) => boolean];

const is = <K extends keyof Facts>(name: K, value: Facts[K]): Check => [
  name,
  JSON.stringify(value),
  (facts) => facts[name] === value,
];

const fleet = 51;

/** What each figure has to be when the story went as it should. */
const checks: Check[] = [
  is("devices", fleet),
  is("claimed", fleet),
  is("refusedClaims", 3),
  is("confirmed11", fleet),
  is("inUse", fleet - 1),
  is("running11", fleet - 1),
  is("haltedRelease", "1.2"),
  [
    "haltReason",
    "words that name the crash at boot and the battery's slope",
    ({ haltReason }) =>
      /crashed at boot/.test(haltReason ?? "") && /battery/.test(haltReason ?? ""),
  ],
  is("wavesStarted12", 1),
  is("reverted12", 3),
  is("downloadsAfterHalt", 0),
  is("poisoned", true),
  is("tamperedRefused", "ManifestDigest"),
  is("replayRefused", "SequenceBelowFloor"),
  is("wipeVerdict", "Clear, class C"),
  is("receiptVerified", true),
  ["zombieContacts", "at least 1", ({ zombieContacts }) => zombieContacts > 0],
  is("secretsFoundAfterWipe", 0),
  is("agentRestarts", 1),
  is("falseSuccess", 0),
];

/** Names every figure that is not as it should be.
 *  @returns one sentence each; empty when all are right */
export function wrongFigures(facts: Facts): string[] {
  return checks
    .filter(([, , holds]) => !holds(facts))
    .map(([name, expected]) => `${name}: expected ${expected}, got ${JSON.stringify(facts[name])}`);
}
