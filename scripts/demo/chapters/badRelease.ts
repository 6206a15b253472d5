import type { EventLine } from "../api.ts";
import { type Chapter, type Stage, sequences } from "../stage.ts";
import type { Snapshot } from "../watch.ts";
import { publish, rollOut, type StoryRelease } from "./rollout.ts";

const release: StoryRelease = {
  version: "1.2",
  sequence: sequences.v12,
  app: "v12",
  notes: "Smoother readings.",
};
/** Half of the canaries may fail before the rollout halts for that alone: the demo wants the drain's evidence too. One
 *  canary on three held-back devices proves it only to somebody who takes a false alarm in ten. */
const judged = {
  thresholds: { reverted: 0.5, batterySlopeRatio: 2, slopeSamplesMin: 6 },
  verdict: { falseAlarm: 0.1 },
};

/** A bad release is caught at its canaries, taken back and poisoned. */
export const badRelease: Chapter = {
  title: "Release 1.2 is bad",
  async play(stage) {
    const { view, watch } = stage;
    view.say(
      "It reads four times as often, which drains the battery, and on a Puck.js it ends at every start.",
    );
    await publish(stage, release);
    const started = await rollOut(stage, release, 6000, judged);
    const canaries = Object.keys(started.assigned).filter((one) => started.assigned[one] === 0);
    view.say(`Canaries: ${canaries.join(", ")}. ${started.holdBack.length} devices are held back.`);
    view.busy(
      "canaries run the release; their drain is compared with that of the devices held back",
    );
    await watch.waitFor("the rollout to halt", ({ rollout }) =>
      rollout?.id === started.id && rollout.status === "halted" ? rollout : null,
    );
    view.busy("canaries that had confirmed go back to the release in their other slot");
    await watch.waitFor("the canaries to run 1.1 again", (seen) => isTakenBack(seen, canaries));
    const { events } = watch.snapshot;
    view.good(
      `${canaries.length} canaries run 1.1 again, without a download: ${reloads(events, canaries)} since the halt.`,
    );
    await explain(stage, canaries);
  },
};

function isTakenBack({ devices, events }: Snapshot, canaries: string[]): boolean {
  return canaries.every((serial) => {
    const device = devices.get(serial);
    const isBack = device?.runningSequence === sequences.v11 && device.slotState === 0;
    return isBack && device.order === null && events.some((one) => isRevert(one, serial));
  });
}

function isRevert({ kind, serial, sequence }: EventLine, of: string): boolean {
  return kind === "updateReverted" && serial === of && sequence === release.sequence;
}

/** Downloads that the canaries began after the halt. */
function reloads(events: EventLine[], canaries: string[]): number {
  const haltId = events.findLast(({ kind }) => kind === "rolloutHalted")?.id ?? 0;
  return events.filter(
    ({ id, kind, serial }) => id > haltId && kind === "updateStarted" && canaries.includes(serial!),
  ).length;
}

/** The question that every operator asks, put to the agent. */
async function explain({ view, api, boards }: Stage, canaries: string[]): Promise<void> {
  const puck = boards.devices.filter(({ made }) => made.board.id === "puckjs");
  const { serial } = puck.find(({ made }) => canaries.includes(made.serial))!.made;
  const path = `/v1/devices/${serial}/why?sequence=${release.sequence}`;
  const { answer } = await api.must("GET", path);
  view.say(`Why did ${serial} not update? ${answer}`);
}
