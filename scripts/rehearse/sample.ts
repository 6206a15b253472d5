/** Signed releases to rehearse with where no app is at hand: for the bench and for tests. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { productIds } from "../../firmware/protocol/host/productIds.ts";
import { createKeys } from "../cli/keys/store.ts";
import { releaseFile, signRelease } from "../cli/release/sign.ts";

/** Signs releases 2 and 3 of sensor-1 for a Puck.js and an ESP32.
 *  @param textOf what an image holds: no app runs in a rehearsal, but patches are made of it
 *  @returns the two release files */
export function signSamples(
  dir: string,
  textOf: (sequence: number, board: string) => string,
): [old: string, release: string] {
  const keysDir = join(dir, "keys");
  createKeys({ dir: keysDir, height: 5 });
  const sign = (sequence: number) => {
    const input = {
      ...{ keysDir, sequence, floor: 0, version: `1.${sequence}.0`, notes: "Reads light." },
      type: "feature" as const,
      interpreter: ["2v25", "2v29"] as const,
      images: ["puckjs", "esp32"].map((board) => ({
        board,
        ...productIds("example.com", "sensor-1", board),
        text: new Uint8Array(Buffer.from(textOf(sequence, board))),
      })),
    };
    const path = join(dir, `release-${sequence}.json`);
    writeFileSync(path, JSON.stringify(releaseFile(input, signRelease(input))));
    return path;
  };
  return [sign(2), sign(3)];
}
