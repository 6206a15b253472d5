import type { RolloutDetail } from "../api.ts";
import { kinds } from "../fleet.ts";
import type { Stage } from "../stage.ts";

/** A release of the story. */
export interface StoryRelease {
  version: string;
  sequence: number;
  /** file name in apps/ */
  app: string;
  notes: string;
}

export const floor = 10;

/** Builds, signs and publishes a release for every board kind. The agent sees no signing key. */
export async function publish(stage: Stage, release: StoryRelease): Promise<void> {
  const { view, shop, api } = stage;
  view.busy(`building release ${release.version} from ${release.app}.ts`);
  const firmware = await stage.build(release.app);
  const { signed, file } = shop.release({
    ...release,
    floor,
    images: kinds.map(({ board }) => ({ board, firmware: firmware.get(board.id)! })),
  });
  const published = await api.must("POST", "/v1/releases", file);
  const leaves = signed.images.map(({ leaf }) => leaf).join(", ");
  view.good(
    `Release ${release.version} built from TypeScript, signed with leaves ${leaves}, published as sequence ${published.sequence}.`,
  );
}

/** Writes and starts a rollout in three waves: one canary per board, 20 %, all.
 *  @param judged thresholds and verdict fields that differ from the agent's defaults */
export async function rollOut(
  stage: Stage,
  release: StoryRelease,
  soakMs: number,
  judged: { thresholds: Record<string, number>; verdict?: Record<string, number> },
): Promise<RolloutDetail> {
  const { api, watch } = stage;
  const draft = await api.must("POST", "/v1/rollouts", {
    name: `Release ${release.version}`,
    sequence: release.sequence,
    target: { models: ["sensor-1"] },
    waves: [
      { name: "canary", size: { perBoard: 1 }, soakMs },
      { name: "20 %", size: { percent: 20 }, soakMs },
      { name: "all", size: { percent: 100 }, soakMs },
    ],
    holdBackShare: 0.2,
    ...judged,
    author: "ada",
    approver: "grace",
  });
  await api.must("POST", `/v1/rollouts/${draft.id}/start`, {});
  return watch.waitFor(`rollout of ${release.version}`, ({ rollout }) =>
    rollout?.id === draft.id && rollout?.status !== "draft" ? rollout : null,
  );
}
