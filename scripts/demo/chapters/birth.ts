import { GatewayProcess } from "../../story/gatewayProcess.ts";
import type { MadeDevice } from "../../story/workshop.ts";
import { released } from "../api.ts";
import { DemoFleet, devicesPerBoard, kinds } from "../fleet.ts";
import { type Chapter, type Stage, sequences } from "../stage.ts";
import { inBatches } from "./batches.ts";

/** Keys are made, 51 devices are born and start for the first time, unclaimed. */
export const birth: Chapter = {
  title: "Keys and birth",
  async play(stage) {
    const { view } = stage;
    view.busy("making keys");
    const building = stage.build("v10");
    await stage.prepare();
    view.good(
      "Release key made: HSS/LMS, height 10, 1,024 signatures; root keys: 2 of 3 must sign.",
    );
    view.busy("building release 1.0 for three boards and starting the agent");
    const [firmware] = await Promise.all([building, startAgent(stage)]);
    for (const [board, { core, imageText, sizes }] of firmware) {
      const coreBytes = sizes.find(({ name }) => name === "core")?.bytes ?? core.coreText.length;
      view.say(`1.0 for ${board}: core ${coreBytes} B, framework and app ${imageText.length} B.`);
    }
    view.busy("51 devices come off the line");
    const made = kinds.flatMap(({ board, prefix }) =>
      Array.from({ length: devicesPerBoard }, (_, i): MadeDevice => {
        const serial = `${prefix}-${String(i + 1).padStart(4, "0")}`;
        return stage.shop.make(board, serial, firmware.get(board.id)!, sequences.v10);
      }),
    );
    await inBatches(made, (one) => stage.api.must("POST", "/v1/births", one.birth.record));
    view.good(`${made.length} birth records registered.`);
    stage.fleet = new DemoFleet(made, stage.gateway!.port, stage.options.seed);
    await firstStart(stage);
  },
};

async function startAgent(stage: Stage): Promise<void> {
  await stage.agent.start();
  stage.gateway = await GatewayProcess.start(stage.agent);
  stage.watch.start();
  stage.view.good(
    `Agent runs as process ${stage.agent.pid}: SQLite, embedded MQTT broker; a gateway for boards without a network.`,
  );
}

/** Waits for every first check-in, and shows that no app has said anything. */
async function firstStart({ view, watch, api, fleet }: Stage): Promise<void> {
  view.busy("first start of 51 devices, each with its factory key");
  const seen = await watch.waitFor("the first check-in of every device", ({ devices }) => {
    const all = [...devices.values()];
    return all.length === fleet!.devices.length && all.every((one) => one.lastSeenMs !== null)
      ? all
      : null;
  });
  const waiting = seen.filter(({ lifecycle }) => lifecycle === released).length;
  const samples = await Promise.all(
    seen.map(({ serial }) => api.must("GET", `/v1/devices/${serial}/vitals?limit=50`)),
  );
  const readings = samples.flatMap(({ vitals }) => vitals).filter((one) => one.values["m.light"]);
  view.good(
    `${waiting} devices checked in and are "released": unclaimed. Readings of their app so far: ${readings.length}.`,
  );
}
