/** Updates over a link that loses messages, with the texts as they ship. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Code } from "../../firmware/protocol/errors.ts";
import { seededRandom } from "../../scripts/sim/random.ts";
import { days, minutes, type SimulatedDevice, simulate } from "../../scripts/testkit/index.ts";

let app: string;
let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "lossy-"));
  app = join(directory, "app.ts");
  writeFileSync(app, "export const regions = [];\nexport function start() {}\n");
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Loses this share of all messages, each way, handshakes and check-ins too. @returns how many were lost */
function lose(device: SimulatedDevice, share: number, seed: string): { up: number; down: number } {
  const random = seededRandom(seed);
  const lost = { up: 0, down: 0 };
  const { cloud } = device;
  const receive = cloud.receive.bind(cloud);
  cloud.receive = (bytes) => {
    if (random() < share) lost.up++;
    else receive(bytes);
  };
  let { send } = cloud;
  // Each connection of the device sets its own way down.
  Object.defineProperty(cloud, "send", {
    set: (way: typeof send) => {
      send = way;
    },
    get: () => (bytes: Uint8Array) => {
      if (random() < share) lost.down++;
      else send(bytes);
    },
  });
  return lost;
}

it.each([
  ["puckjs", 0.3, "a"],
  ["puckjs", 0.5, "b"],
  ["linux", 0.3, "c"],
  ["linux", 0.5, "d"],
])(
  "an update of %s ends well when %d of all messages are lost each way (seed %s)",
  async (board, share, seed) => {
    const device = await simulate(app, { board });
    // Also the answers that a trial waits for are lost.
    await device.offer(app, { trialMinutes: 1440 });
    const lost = lose(device, share, `${board} ${seed}`);
    const isNew = () => device.checkIns.at(-1)?.info.runningSequence === 2;
    device.until("run and confirm it", () => isNew() && device.state.slot === "confirmed", days(2));
    expect(device.state.failed).toBeNull();
    expect(lost.up + lost.down).toBeGreaterThan(10);
    expect(device.restarts).toBe(1);
    expect(device.cloud.reports.map(({ code }) => code)).not.toContain(Code.UpdateFellBack);
  },
);

describe.each(["puckjs", "linux"])("an update of %s", (board) => {
  it("asks again after four seconds for a block that does not come, and goes on with it", async () => {
    const device = await simulate(app, { board });
    const askedAtMs: number[] = [];
    let losses = 3;
    device.cloud.tamper = (message) => {
      if (message.kind !== "block" || message.what === 0 || message.offset !== 512) return message;
      askedAtMs.push(device.nowMs);
      return losses-- > 0 ? null : message;
    };
    expect(await device.update(app)).toMatchObject({ sequence: 2, slot: "confirmed" });
    const pauses = askedAtMs.slice(1).map((at, i) => at - askedAtMs[i]!);
    expect(pauses).toHaveLength(3);
    for (const pause of pauses) expect(Math.abs(pause - 4000)).toBeLessThan(50);
  });

  it("gives up after six askings in vain, and goes on where it stood when it is offered again", async () => {
    const device = await simulate(app, { board });
    const { pageBytes } = device.board;
    // A block behind the first page.
    const place = pageBytes + (board === "puckjs" ? 256 : 512);
    /** offsets that were asked for while nothing came, from the first block that was lost on */
    const asked: number[] = [];
    let isDeaf = true;
    device.cloud.tamper = (message) => {
      if (message.kind !== "block" || message.what === 0) return message;
      if (message.offset < place && asked.length === 0) return message;
      asked.push(message.offset);
      return isDeaf ? null : message;
    };
    await device.offer(app);
    device.until("ask in vain", () => asked.length === 7, minutes(10));
    expect(new Set(asked)).toEqual(new Set([place]));
    device.advance(minutes(1));
    // The next check-in begins at its checkpoint, the last whole page, and asks in vain as well.
    expect(new Set(asked.slice(7))).toEqual(new Set([pageBytes]));
    isDeaf = false;
    const isNew = () => device.state.sequence === 2 && device.state.slot === "confirmed";
    device.until("run it", isNew, minutes(10));
    expect(Math.min(...asked)).toBe(pageBytes);
  });
});

describe("a release that asks for more memory than there is", () => {
  it("is refused by 142 before anything is written, and taken when it asks for less", async () => {
    const device = await simulate(app);
    const writes = () => device.sim.flash.operations;
    await device.offer(app, { freeVariables: 60_000 });
    const before = writes();
    const isRefused = () => device.checkIns.at(-1)!.info.refused !== null;
    device.until("refuse it", isRefused, minutes(10));
    expect(device.checkIns.at(-1)!.info.refused).toEqual({ sequence: 2, code: Code.MemoryTooLow });
    expect(device.cloud.reports.map(({ code }) => code)).toContain(Code.MemoryTooLow);
    expect(writes()).toBe(before);
    await device.offer(app, { freeVariables: 10 });
    device.until("run it", () => device.state.sequence === 3 && device.state.slot === "confirmed");
  });
});
