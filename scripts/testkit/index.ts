/** The app test kit: runs an app on a simulated board under a virtual clock, in any test runner.
 *  What runs is what ships: the built core, framework and app, on a board whose flash, radio, pins and battery are simulated.
 *
 *  ```ts
 *  import { minutes, simulate } from "fleetling/testing";
 *  const device = await simulate("app.ts", { board: "puckjs" });
 *  device.advance(minutes(5));
 *  expect(device.metric("light")).toEqual({ least: 500, greatest: 500, last: 500 });
 *  ``` */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { SimulatedDevice, type SimulateOptions } from "./device.ts";
import { makeWorkbench } from "./factory.ts";

export type { SeenCheckIn } from "./cloud.ts";
export { type DeviceState, type Reading, SimulatedDevice, type SimulateOptions } from "./device.ts";

/** Milliseconds of a span. */
export const seconds = (n: number) => n * 1000;
export const minutes = (n: number) => n * 60_000;
export const hours = (n: number) => n * 3_600_000;
export const days = (n: number) => n * 86_400_000;

/** Builds an app, puts it on a new board and switches that on. The board is claimed unless asked otherwise.
 *  @param app path from the working directory, or a file URL: `new URL("./app.ts", import.meta.url)`
 *  @throws BuildError for what `fleetling build` refuses, in its words
 *  @throws Error "the device did not …" when it is not claimed within ten virtual minutes: the app ended at its start */
export async function simulate(
  app: string | URL,
  options: SimulateOptions = {},
): Promise<SimulatedDevice> {
  const file = app instanceof URL ? fileURLToPath(app) : resolve(app);
  const bench = await makeWorkbench(file, options.board ?? "puckjs");
  const device = new SimulatedDevice(bench, options);
  device.powerOn();
  if (options.isClaimed !== false) device.claim();
  return device;
}
