import type { Command } from "commander";
import { type ApiFlags, callApi, columns, path, show, withApiFlags } from "../api/client.ts";

interface Device {
  serial: string;
  model: string;
  board: string;
  site: string | null;
  lifecycleName: string;
  runningSequence: number;
  lastSeenMs: number | null;
  presence: { state: string; sinceMs: number | null; promisedS: number | null };
}

const listExample = `
Examples:
  $ fleetling device list --offline
  $ fleetling device list --json | jq .devices[].serial
`;

/** Adds `fleetling device list`. */
export function register(program: Command): void {
  const device = program.command("device").description("The devices of an agent");
  withApiFlags(device.command("list"))
    .description("Devices with their presence: online, late, offline, or unwatched")
    .option("--offline", "only those that broke their promise to come again")
    .addHelpText("after", listExample)
    .action(async (flags: ApiFlags & { offline?: boolean }) => {
      const devices = await allDevices(flags, flags.offline ? "offline" : null);
      const head = [
        "serial",
        "state",
        "presence",
        "since",
        "last seen",
        "release",
        "board",
        "site",
      ];
      const rows = devices.map((one) => [
        ...[one.serial, one.lifecycleName, one.presence.state, timeText(one.presence.sinceMs)],
        ...[timeText(one.lastSeenMs), one.runningSequence || null, one.board, one.site],
      ]);
      show(flags, { devices }, columns(head, rows));
    });
}

/** All pages. @param presence null for any */
async function allDevices(flags: ApiFlags, presence: "offline" | null): Promise<Device[]> {
  const devices: Device[] = [];
  const filter = presence === null ? "" : path`&presence=${presence}`;
  for (let after: string | null = ""; after !== null; ) {
    const from = after === "" ? "" : path`&after=${after}`;
    const page: { devices: Device[]; next: string | null } = await callApi(
      flags,
      "GET",
      `/v1/devices?limit=500${from}${filter}`,
    );
    devices.push(...page.devices);
    after = page.next;
  }
  return devices;
}

/** To the second, in UTC. */
function timeText(ms: number | null): string | null {
  return ms === null ? null : `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
