import type { RolloutDetail } from "../api.ts";
import type { DemoDevice } from "../fleet.ts";
import { losePower } from "../powerLoss.ts";
import { type Chapter, type Stage, sequences } from "../stage.ts";
import { pause, type Snapshot } from "../watch.ts";
import { publish, rollOut, type StoryRelease } from "./rollout.ts";

const release: StoryRelease = {
  version: "1.1",
  sequence: sequences.v11,
  app: "v11",
  notes: "The owner can set an offset.",
};
const agentDownMs = 1000;

/** A good release reaches every device, through two power losses and a killed agent. */
export const update: Chapter = {
  title: "Release 1.1, in waves",
  async play(stage) {
    const { view, watch, boards } = stage;
    await publish(stage, release);
    const rollout = await rollOut(stage, release, 2500, {
      thresholds: { slopeSamplesMin: 4 },
    });
    view.busy("devices pull, verify, write their other slot, boot on trial, confirm");
    const strike = (text: string) => view.strike(text);
    const losses = Promise.all([
      losePower(laterDevice(stage, rollout, "linux"), "midDownload", strike),
      losePower(laterDevice(stage, rollout, "puckjs"), "midWrite", strike),
    ]);
    await killAgent(stage);
    void stage.build("v12");
    let isPowerBack = false;
    void losses.then(() => {
      isPowerBack = true;
    });
    await watch.waitFor("both power losses", ({ rollout }) => {
      refuseHalt(rollout);
      return isPowerBack;
    });
    await watch.waitFor("release 1.1 on every device", (seen) =>
      isEverywhere(seen, boards.devices),
    );
    view.good(
      `Release 1.1 runs and is confirmed on ${boards.devices.length} devices, the two that lost power among them.`,
    );
  },
};

/** A device that no canary wave touches. */
function laterDevice(stage: Stage, rollout: RolloutDetail, boardId: string): DemoDevice {
  const { boards } = stage;
  const ofBoard = boards.devices.filter(({ made }) => made.board.id === boardId);
  const later = ofBoard.filter(({ made }) => rollout.assigned[made.serial]! > 0);
  return stage.pick(later.filter(({ made }) => !rollout.holdBack.includes(made.serial)));
}

/** SIGKILL while the last wave downloads; then the same data again. */
async function killAgent({ view, watch, agent, signal }: Stage): Promise<void> {
  await watch.waitFor("the last wave", ({ rollout, devices }) => {
    refuseHalt(rollout);
    const isLoading = [...devices.values()].some(({ download }) => download !== null);
    return rollout?.status === "done" || (rollout?.wave === 2 && isLoading);
  });
  const { pid } = agent;
  await agent.kill();
  view.strike(`the agent (process ${pid}) is killed with SIGKILL in the middle of the last wave`);
  await pause(agentDownMs, signal);
  await agent.start();
  view.strike(`the agent starts again on the same data, as process ${agent.pid}`);
}

function isEverywhere({ rollout, devices }: Snapshot, all: DemoDevice[]): boolean {
  refuseHalt(rollout);
  const done = [...devices.values()].filter(
    ({ runningSequence, slotState }) => runningSequence === release.sequence && slotState === 0,
  );
  return rollout?.status === "done" && done.length === all.length;
}

/** A good release that is halted would only be waited for in vain. */
function refuseHalt(rollout: RolloutDetail | null): void {
  if (rollout?.status === "halted") throw new Error(`release 1.1: ${rollout.haltReason}`);
}
