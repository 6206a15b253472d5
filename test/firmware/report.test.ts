import { describe, expect, it, vi } from "vitest";
import type { ClientState } from "../../firmware/core/parts/client.ts";
import report from "../../firmware/core/parts/report.ts";
import { Rec } from "../../firmware/flash/journal.ts";
import { SlotState } from "../../firmware/protocol/messages.ts";
import { nodeHal } from "../support/nodeHal.ts";
import { setBoard, testKit } from "../support/testKit.ts";

vi.stubGlobal("process", { ...process, version: "2v29" });
setBoard({ wifi: false });

const slot = (sequence: number, fill: number) => [
  sequence,
  100,
  0,
  new Uint8Array(32).fill(fill),
  0,
  60,
];

/** Info map of a CHECKIN. @param active 0 slot A, 1 slot B @param trial flag of the slots record */
function info(state: SlotState, active: number, trial: number) {
  const k = testKit(nodeHal(), {
    state,
    get: (type: Rec) =>
      type === Rec.Slots ? [active, slot(10, 1), slot(11, 2), 0, 1, trial, 60] : null,
  });
  const client = { life: [3, 0, 60], refusal: null, bad: 0, app: () => null };
  const [, map] = report(k)(client as unknown as ClientState);
  return { running: map[1], digest: map[2][0], state: map[3], other: map[5] };
}

describe("a check-in", () => {
  it("names the image that runs, not the one that was installed and waits for its first start", () => {
    const before = { running: 10, digest: 1, state: SlotState.Confirmed, other: 11 };
    expect(info(SlotState.Confirmed, 1, 1)).toEqual(before);
  });

  it("names the image on trial once it has started, and after it is confirmed", () => {
    const after = { running: 11, digest: 2, other: 10 };
    expect(info(SlotState.Trial, 1, 1)).toEqual({ ...after, state: SlotState.Trial });
    expect(info(SlotState.Confirmed, 1, 0)).toEqual({ ...after, state: SlotState.Confirmed });
  });
});
