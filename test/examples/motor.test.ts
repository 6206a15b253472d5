import { describe, expect, it } from "vitest";
import { days, hours, minutes, seconds, simulate } from "../../scripts/testkit/index.ts";

const app = new URL("../../scripts/examples/motor.ts", import.meta.url);

async function motor(board: string) {
  const device = await simulate(app, { board });
  const push = () => {
    device.setPin("D1", true);
    device.setPin("D1", false);
  };
  return { device, push };
}

describe.each(["puckjs", "linux"])("the motor example on %s", (board) => {
  it("runs for its travel, and not again while it runs", async () => {
    const { device, push } = await motor(board);
    push();
    expect(device.pinIsHigh("D3")).toBe(true);
    push();
    device.advance(seconds(19));
    expect(device.pinIsHigh("D3")).toBe(true);
    device.advance(seconds(2));
    expect(device.pinIsHigh("D3")).toBe(false);
    device.advance(minutes(2));
    expect([device.metric("moves")?.last, device.metric("blocked")?.last]).toEqual([1, 1]);
  });

  it("does not restart into a release while it moves", async () => {
    const { device, push } = await motor(board);
    device.set({ travelS: 120 });
    await device.offer(app);
    push();
    device.advance(seconds(60));
    push();
    expect(device.pinIsHigh("D3")).toBe(true);
    expect(device.restarts).toBe(0);
    device.advance(hours(1));
    expect(device.restarts).toBe(1);
    expect(device.state).toMatchObject({ sequence: 2, slot: "confirmed" });
  });

  it("lets the end stop go and forgets its owner in a wipe", async () => {
    const { device } = await motor(board);
    device.set({ mode: "closed" });
    expect(device.flashHolds("closed")).toBe(true);
    device.setPin("D2", true);
    expect(device.wipe()).toBe(true);
    expect(device.pinIsHigh("D2")).toBe(false);
    device.advance(days(1));
    expect(device.flashHolds("dmodefclosed")).toBe(false);
  });
});
