/** How often a board with a network of its own knocks where nobody answers. */
import net from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import link from "../../firmware/core/parts/linkMqtt.ts";
import { Rec } from "../../firmware/flash/journal.ts";
import { nodeHal } from "../support/nodeHal.ts";
import { setBoard, testKit } from "../support/testKit.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
afterEach(() => vi.restoreAllMocks());

/** A link whose every connection fails at once, from a start on. @param quarters of a day without an answer, as on record
 *  @returns times of the connections, in ms */
function knocks(quarters: (ms: number) => number | undefined, spanMs: number): number[] {
  setBoard({ wifi: false });
  const timers: { atMs: number; fn(): void }[] = [];
  let ms = 0;
  const h = nodeHal(new Uint8Array(4096));
  h.after = (fn, wait) => timers.push({ atMs: ms + wait, fn });
  const at: number[] = [];
  // What the link requires is Node's own module here.
  vi.spyOn(net, "connect").mockImplementation(() => {
    at.push(ms);
    throw new Error("no network");
  });
  const life = () => (quarters(ms) === undefined ? null : [3, 0, 60, quarters(ms)]);
  const k = testKit(h, { serial: "T-1", get: (type) => (type === Rec.Life ? life() : null) });
  link(k)(
    () => undefined,
    () => undefined,
  );
  for (;;) {
    const next = timers.sort((a, b) => a.atMs - b.atMs).shift();
    if (!next || next.atMs > spanMs) return at;
    ms = next.atMs;
    next.fn();
  }
}

const pauses = (at: number[]) => at.slice(1).map((one, i) => one - at[i]!);

describe("a device that cannot connect", () => {
  it("tries again each minute at most rarely on its first day, whether claimed or not", () => {
    for (const quarters of [0, undefined]) {
      const all = pauses(knocks(() => quarters, dayMs / 4));
      expect(Math.max(...all)).toBeLessThanOrEqual(60_000);
      expect(all.at(-1)).toBeGreaterThanOrEqual(30_000);
    }
  });

  it.each([
    [1, 132],
    [7, 3588],
    [30, 64_860],
    [300, 64_860],
  ])("after %i days of silence pauses for at most %i s", (days, mostS) => {
    const all = pauses(knocks(() => days * 4, 20 * dayMs));
    expect(Math.max(...all)).toBeLessThanOrEqual(mostS * 1000);
    expect(Math.max(...all)).toBeGreaterThan(mostS * 800);
    expect(mostS * 1000).toBeLessThanOrEqual(18 * hourMs + 60_000);
  });

  it("knocks some hundred times in its first silent month, and once or twice a day from then on", () => {
    const at = knocks((ms) => Math.floor(ms / (dayMs / 4)), 60 * dayMs);
    const ofDays = (from: number, to: number) =>
      at.filter((ms) => ms >= from * dayMs && ms < to * dayMs).length;
    expect(ofDays(0, 1)).toBeGreaterThan(1000);
    expect(ofDays(7, 8)).toBeLessThan(60);
    expect(ofDays(30, 60)).toBeLessThan(80);
    expect(ofDays(30, 60)).toBeGreaterThanOrEqual(40);
  });

  it("after its sunset knocks so from the start, and is back within a day", () => {
    const at = knocks(() => -1, 40 * dayMs);
    expect(at.length).toBeLessThan(100);
    expect(Math.max(...pauses(at))).toBeLessThan(dayMs);
  });
});
