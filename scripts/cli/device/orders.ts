import type { Command } from "commander";
import { type ApiFlags, callApi, path, show, withApiFlags } from "../api/client.ts";

interface Ordered {
  runningSequence: number;
  order: { sequence?: number } | null;
}

/** Adds `confirm` and `clear-poison`: orders of a person against what a device would do by itself. */
export function registerOrders(device: Command): void {
  withApiFlags(device.command("confirm"))
    .description(
      "Vouch for the release that a device has on trial, because somebody has looked at it",
    )
    .argument("<serial>")
    .option("--sequence <n>", "only this release; default the one on trial")
    .addHelpText("after", "\nExample:\n  $ fleetling device confirm PUCK-0001\n")
    .action(async (serial: string, flags: ApiFlags & { sequence?: string }) => {
      const body = flags.sequence === undefined ? {} : { sequence: Number(flags.sequence) };
      const url = path`/v1/devices/${serial}/confirm`;
      const reply = await callApi<Ordered>(flags, "POST", url, body);
      const what = reply.order?.sequence ?? reply.runningSequence;
      show(flags, reply, [`${serial}: release ${what} is confirmed at its next contact`]);
    });
  withApiFlags(device.command("clear-poison"))
    .description("Let a device take an image again that failed on it")
    .argument("<serial>")
    .argument("<digest>", "first 8 bytes, hex, as the device's poison shows it")
    .addHelpText(
      "after",
      "\nExample:\n  $ fleetling device clear-poison PUCK-0001 0123456789abcdef\n",
    )
    .action(async (serial: string, digest: string, flags: ApiFlags) => {
      const url = path`/v1/devices/${serial}/poison/${digest}`;
      const reply = await callApi<Ordered>(flags, "DELETE", url);
      show(flags, reply, [
        `${serial}: image ${digest} may be taken again from its next contact on`,
      ]);
    });
}
