import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signSamples } from "../../scripts/rehearse/sample.ts";

/** A folder with two signed releases, 2 and 3, for a Puck.js and an ESP32, and a policy. */
export interface Desk {
  dir: string;
  old: string;
  release: string;
  policy: string;
  remove(): void;
}

export const policy = {
  name: "careful",
  waves: [
    { name: "canary", size: { count: 10 }, soakMs: 6 * 3_600_000, confirmShare: 0.9 },
    { name: "all", size: { percent: 100 }, soakMs: 3_600_000, confirmShare: 0.9 },
  ],
  thresholds: { failed: 0.1, reverted: 0.1, rejected: 0.1, timedOut: 0.1 },
  verdict: { onTooFew: "promote" },
};

/** The same as a file. */
export const policyText = `name: careful
target: { models: [sensor-1] }
waves:
  - { name: canary, size: { count: 10 }, soak: 6h, confirmShare: 0.9 }
  - { name: all, size: { percent: 100 }, soak: 1h, confirmShare: 0.9 }
thresholds: { failed: 0.1, reverted: 0.1, rejected: 0.1, timedOut: 0.1 }
verdict: { onTooFew: promote }
`;

export function writePolicy(dir: string, text: string): string {
  const path = join(dir, `policy-${text.length}.yaml`);
  writeFileSync(path, text);
  return path;
}

export function makeDesk(): Desk {
  const dir = mkdtempSync(join(tmpdir(), "rehearse-"));
  const [old, release] = signSamples(dir, textOf);
  return {
    ...{ dir, old, release, policy: writePolicy(dir, policyText) },
    remove: () => rmSync(dir, { recursive: true }),
  };
}

function textOf(sequence: number, board: string): string {
  const lines = Array.from({ length: 120 }, (_, line) =>
    line === 60 ? `version ${sequence} on ${board};` : `var value${line} = read(${line * 7});`,
  );
  return lines.join("\n");
}
