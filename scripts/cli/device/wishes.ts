import type { Command } from "commander";
import {
  type ApiFlags,
  callApi,
  flagInvalid,
  path,
  secondsOf,
  show,
  withApiFlags,
} from "../api/client.ts";
import { type DeviceView, settingsWords } from "./show.ts";

const flagExample = `
Examples:
  $ fleetling device flag PUCK-0042 nightMode on --for 14d
  $ fleetling device flag PUCK-0042 nightMode off
`;
const revertExample = `
No download: the other slot has to hold a valid image that is not below the device's floor.

Example:
  $ fleetling device revert PUCK-0042
`;
const sunsetExample = `
It goes on with its app and its own control, and comes once a day to hear whether it is called back.

Examples:
  $ fleetling device sunset PUCK-0042
  $ fleetling device sunset PUCK-0042 --end
`;

/** Adds `device flag | revert | sunset`: what a device is wished or ordered. */
export function registerWishes(device: Command): void {
  withApiFlags(device.command("flag"))
    .description("Switch a feature flag of a device, for a time or for good")
    .argument("<serial>")
    .argument("<name>")
    .argument("<state>", "on or off")
    .option("--for <time>", "like 12h or 14d; then it is off by itself")
    .addHelpText("after", flagExample)
    .action(
      async (serial: string, name: string, state: string, flags: ApiFlags & { for?: string }) => {
        if (state !== "on" && state !== "off") throw flagInvalid("<state>", "on or off", state);
        const untilMs =
          flags.for === undefined ? undefined : Date.now() + secondsOf(flags.for) * 1000;
        const body = { flags: { [name]: { on: state === "on", untilMs } } };
        const url = path`/v1/devices/${serial}/flags`;
        const after = await callApi<DeviceView>(flags, "PUT", url, body);
        show(flags, after.wantedSettings, [settingsWords(after)]);
      },
    );
  withApiFlags(device.command("revert"))
    .description("Order a device back to the image in its other slot")
    .argument("<serial>")
    .option("--to <sequence>", "only if it is this release")
    .addHelpText("after", revertExample)
    .action(async (serial: string, flags: ApiFlags & { to?: string }) => {
      const body = flags.to === undefined ? {} : { toSequence: Number(flags.to) };
      const url = path`/v1/devices/${serial}/revert`;
      const view = await callApi<DeviceView>(flags, "POST", url, body);
      show(flags, view, [
        `${serial}: goes back to release ${view.otherSequence} at its next contact`,
      ]);
    });
  withApiFlags(device.command("sunset"))
    .description("Order a device to go on alone, without the agent, for good")
    .argument("<serial>")
    .option("--end", "call it back")
    .addHelpText("after", sunsetExample)
    .action(async (serial: string, flags: ApiFlags & { end?: boolean }) => {
      const url = path`/v1/devices/${serial}/sunset`;
      const view = await callApi<DeviceView>(flags, flags.end ? "DELETE" : "POST", url);
      const what = flags.end ? "is called back" : "goes on alone";
      show(flags, view, [`${serial}: ${what} from its next contact on`]);
    });
}
