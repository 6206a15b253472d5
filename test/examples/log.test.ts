/** What an app notes by `device.log` reaches the agent when its release fails, on the text as it ships. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ResetReason } from "../../firmware/protocol/messages.ts";
import { simulate } from "../../scripts/testkit/index.ts";

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "log-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

function app(name: string, start: string, healthy = "true"): string {
  const file = join(directory, name);
  const text = `export const regions = [];
export function start(device) { ${start} }
export function healthy() { return ${healthy}; }
`;
  writeFileSync(file, text);
  return file;
}

it.each(["puckjs", "esp32"])(
  "the old image reports reason, reset cause and last lines of a release that logs and then crashes, on %s",
  async (board) => {
    const old = app("old.ts", 'device.log("old");');
    const lines = 'device.log("valve 3 opens"); device.log("pressure 812");';
    const next = app("next.ts", `${lines} setTimeout(() => { throw "no valve"; }, 2000);`);
    const device = await simulate(old, { board });
    const state = await device.update(next);
    expect(state).toMatchObject({ sequence: 1, slot: "confirmed" });
    expect(state.failed).toEqual({
      ...{ sequence: 2, code: 208, text: "no valve" },
      log: "valve 3 opens|pressure 812",
    });
    expect(device.checkIns.at(-1)!.info.failed).toMatchObject({ resetReason: ResetReason.Crash });
  },
);

it("keeps the last 96 characters, as printable ASCII, of a release that its own health check ended", async () => {
  const old = app("first.ts", "");
  const many = 'for (let i = 0; i < 40; i++) device.log("line " + i);';
  const next = app("many.ts", `${many} device.log("22 \u00b0C\tok");`, '"cold"');
  const device = await simulate(old);
  const { failed } = await device.update(next, { trialMinutes: 2 });
  expect(failed).toMatchObject({ code: 211, text: "cold" });
  expect(failed!.log).toHaveLength(96);
  expect(failed!.log).toMatch(/\|line 38\|line 39\|22 \?{1,2}C\?ok$/);
});

it("gives the next image nothing of the log before", async () => {
  const device = await simulate(app("a.ts", 'device.log("of the first");'));
  const next = app("b.ts", "", '"never"');
  expect((await device.update(next, { trialMinutes: 2 })).failed).toMatchObject({ log: "" });
});
