/** Images that failed, and what is never taken again by itself, with the texts as they ship. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Code } from "../../firmware/protocol/errors.ts";
import { minutes, type SimulatedDevice, simulate } from "../../scripts/testkit/index.ts";

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "poison-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** An app of its own for each number; from 1 on it crashes at its start while the level at D1 is high. */
function app(number: number): string {
  const file = join(directory, `app${number}.ts`);
  const fails = number ? "if (analogRead(D1) > 0.5) throw new Error(name);" : "";
  writeFileSync(
    file,
    `const name = "app ${number}";
export const regions = [];
export function start(device) { device.log(name); ${fails} }
declare const D1: any, analogRead: any;
`,
  );
  return file;
}

/** A device on which the apps 1 to count have failed, one after the other. @returns it, and its poison after each */
async function poisoned(count: number) {
  const device = await simulate(app(0));
  device.setAnalog("D1", 1);
  const ids: string[] = [];
  for (let i = 1; i <= count; i++) {
    expect(await device.update(app(i))).toMatchObject({ sequence: 1, slot: "confirmed" });
    ids.push(device.state.poison[0]!);
  }
  device.setAnalog("D1", 0);
  return { device, ids };
}

/** Offers an app once more, under a new sequence. @returns code of its refusal, null when it was taken */
async function offered(device: SimulatedDevice, number: number): Promise<number | null> {
  const sequence = await device.offer(app(number));
  const answer = () => {
    const info = device.checkIns.at(-1)!.info;
    if (info.refused?.sequence === sequence) return info.refused.code;
    return info.runningSequence === sequence && info.slotState === 0 ? 0 : null;
  };
  device.until("take or refuse it", () => answer() !== null, minutes(30));
  return answer() || null;
}

describe("a device on which images have failed", () => {
  it("refuses each by 115 under whatever sequence, and takes one again after an order that clears it", async () => {
    const { device, ids } = await poisoned(2);
    expect(device.state.poison).toEqual(ids.toReversed());
    device.powerOff(1000);
    expect(await offered(device, 1)).toBe(Code.ImagePoisoned);
    device.clearPoison(ids[0]!);
    expect(device.cloud.orderResults.at(-1)!.code).toBe(Code.Ok);
    device.advance(minutes(2));
    // What failed last is another one, and stays told.
    expect(device.state).toMatchObject({ poison: [ids[1]], failed: { text: "Error: app 2" } });
    expect(await offered(device, 2)).toBe(Code.ImagePoisoned);
    expect(await offered(device, 1)).toBeNull();
    expect(device.state).toMatchObject({ slot: "confirmed", poison: [ids[1]] });
    device.clearPoison(ids[1]!);
    device.advance(minutes(2));
    expect(device.state).toMatchObject({ failed: null, poison: [] });
  });
});
