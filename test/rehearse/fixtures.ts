import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { productIds } from "../../firmware/protocol/host/productIds.ts";
import { createKeys } from "../../scripts/cli/keys/store.ts";
import { releaseFile, signRelease } from "../../scripts/cli/release/sign.ts";

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
  const keysDir = join(dir, "keys");
  createKeys({ dir: keysDir, height: 5 });
  const write = (name: string, value: unknown) => {
    const path = join(dir, name);
    writeFileSync(path, JSON.stringify(value));
    return path;
  };
  const sign = (sequence: number) => {
    const input = {
      ...{ keysDir, sequence, floor: 0, version: `1.${sequence}.0`, notes: "Reads light." },
      type: "feature" as const,
      interpreter: ["2v25", "2v29"] as const,
      images: ["puckjs", "esp32"].map((board) => ({
        board,
        ...productIds("example.com", "sensor-1", board),
        text: textOf(sequence, board),
      })),
    };
    return write(`release-${sequence}.json`, releaseFile(input, signRelease(input)));
  };
  return {
    ...{ dir, old: sign(2), release: sign(3), policy: writePolicy(dir, policyText) },
    remove: () => rmSync(dir, { recursive: true }),
  };
}

/** Bytes of an image: no app runs in a rehearsal, but patches are made of them. */
function textOf(sequence: number, board: string): Uint8Array {
  const lines = Array.from({ length: 120 }, (_, line) =>
    line === 60 ? `version ${sequence} on ${board};` : `var value${line} = read(${line * 7});`,
  );
  return new Uint8Array(Buffer.from(lines.join("\n")));
}
