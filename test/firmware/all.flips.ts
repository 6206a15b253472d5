/** `npm run flips`: all of what flips.test.ts samples. */
import { expect, it } from "vitest";
import { Code } from "../../firmware/protocol/errors.ts";
import { isForeign, playFlips } from "../support/flips.ts";

it("every single-bit flip is refused by a manifest's code without a write, or changes nothing", () => {
  const count: Record<number, number> = {};
  for (const { bit, code, writes } of playFlips(0, 1)) {
    count[code] = (count[code] ?? 0) + 1;
    if (isForeign(bit)) expect(code, `bit ${bit}`).toBe(Code.UpdateStarted);
    else expect([code >= 100 && code < 140, writes], `bit ${bit}: ${code}`).toEqual([true, 0]);
  }
  process.stdout.write(`flips by code: ${JSON.stringify(count)}\n`);
});
