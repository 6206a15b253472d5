/** Settings over a trial that fails: written by the new image, read by the old one. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { minutes, simulate } from "../../scripts/testkit/index.ts";

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "settings-revert-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

function app(name: string, settings: string, healthy: string): string {
  const file = join(directory, name);
  writeFileSync(
    file,
    `export const regions = [];
export const metrics = ["step"];
export const settings = ${settings};
export function start(device) {
  setInterval(() => device.metric("step", device.setting("step")), 10000);
}
export function healthy() { return ${healthy}; }
`,
  );
  return file;
}

it.each(["puckjs", "linux"])(
  "a revert after a settings change leaves settings that the old image reads, on %s",
  async (board) => {
    const old = app("old.ts", '{ step: { type: "number", max: 60, default: 5 } }', "true");
    const wider =
      '{ step: { type: "number", max: 900, default: 300 }, lamp: { type: "boolean", default: false } }';
    const next = app("next.ts", wider, '"never well"');
    const device = await simulate(old, { board });
    device.set({ step: 30 });
    device.advance(minutes(2));
    expect(device.metric("step")?.last).toBe(30);
    await device.offer(next, { trialMinutes: 20 });
    device.until("begin its trial", () => device.state.slot === "trial");
    device.set({ step: 600, lamp: true });
    expect(device.state).toMatchObject({ slot: "trial", settingsRevision: 2, settingsRefused: {} });
    device.advance(minutes(2));
    expect(device.metric("step")?.last).toBe(600);
    device.until("take the old release back", () => device.state.slot === "confirmed");
    device.advance(minutes(2));
    // Out of its range: its own default holds, and the agent is told; the other image's setting is kept unused.
    expect(device.state).toMatchObject({
      ...{ sequence: 1, settingsRevision: 2, settingsRefused: { step: 153, lamp: 151 } },
      failed: { sequence: 2, code: 211, text: "never well" },
    });
    expect(device.metric("step")?.last).toBe(5);
    device.set({ step: 40 });
    device.advance(minutes(2));
    expect([device.metric("step")?.last, device.state.settingsRefused]).toEqual([40, {}]);
  },
);
