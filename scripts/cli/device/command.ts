import type { Command } from "commander";
import {
  type ApiFlags,
  callApi,
  columns,
  flagInvalid,
  path,
  show,
  withApiFlags,
  writeReply,
} from "../api/client.ts";
import { timeText } from "../api/time.ts";
import { registerCommands } from "./commands.ts";
import { registerMany } from "./many.ts";
import { registerOrders } from "./orders.ts";
import { registerOwner } from "./owner.ts";
import { registerShow } from "./show.ts";
import { registerWhy } from "./why.ts";
import { registerWishes } from "./wishes.ts";

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
  $ fleetling device list --offline --site attic
  $ fleetling device list --board puckjs --sequence 12
  $ fleetling device list --filter "release < 12 and batteryMv < 2500"
  $ fleetling device list --json | jq .devices[].serial
`;

/** Adds `fleetling device list | show | flag | revert | sunset | why | tag | settings | maintenance | export | erase |
 *  confirm | clear-poison | claim | owner | decommission | command | command-all | commands | log`. */
export function register(program: Command): void {
  const device = program.command("device").description("The devices of an agent");
  registerShow(device);
  registerWhy(device);
  registerMany(device);
  registerData(device);
  registerOrders(device);
  registerWishes(device);
  registerOwner(device);
  registerCommands(device);
  withApiFlags(device.command("list"))
    .description("Devices with their presence: online, late, offline, or unwatched")
    .option("--offline", "only those that broke their promise to come again")
    .option(
      "--filter <filter>",
      "name of a saved filter, or an expression (fleetling filter --help)",
    )
    .option("--site <site>")
    .option("--group <group>")
    .option("--tag <tag>")
    .option("--account <account>")
    .option("--gateway <id>", "that came through it last")
    .option("--model <model>")
    .option("--board <board>")
    .option("--batch <batch>")
    .option("--sequence <n>", "that run this release")
    .addHelpText("after", listExample)
    .action(async (flags: ListFlags) => {
      const devices = await allDevices(flags);
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

function registerData(device: Command): void {
  withApiFlags(device.command("export"))
    .description("All that is stored of a device, as JSON lines on standard output")
    .argument("<serial>")
    .option("--csv <table>", "vitals, hours, days or events as CSV instead")
    .addHelpText("after", "\nExample:\n  $ fleetling device export PUCK-0042 > PUCK-0042.jsonl\n")
    .action(async (serial: string, flags: ApiFlags & { csv?: string }) => {
      const query = flags.csv === undefined ? "" : path`?format=csv&part=${flags.csv}`;
      await writeReply(flags, path`/v1/devices/${serial}/export` + query);
    });
  withApiFlags(device.command("erase"))
    .description(
      "Erase what is stored of a retired or unclaimed device; birth and certificates stay",
    )
    .argument("<serial>")
    .requiredOption("--confirm <serial>", "the serial again: there is no way back")
    .addHelpText("after", "\nExample:\n  $ fleetling device erase PUCK-0042 --confirm PUCK-0042\n")
    .action(async (serial: string, flags: ApiFlags & { confirm: string }) => {
      if (flags.confirm !== serial) throw flagInvalid("--confirm", serial, flags.confirm);
      const place = path`/v1/devices/${serial}/data`;
      const gone = await callApi<Record<string, number>>(flags, "DELETE", place);
      const words = Object.entries(gone).map(([name, count]) => `${count} ${name}`);
      show(flags, gone, [`${serial}: ${words.join(", ")} erased`]);
    });
}

const filterNames = [
  ...(["filter", "site", "group", "tag", "account", "gateway"] as const),
  ...(["model", "board", "batch", "sequence"] as const),
];
type ListFlags = ApiFlags & { offline?: boolean } & {
  [name in (typeof filterNames)[number]]?: string;
};

/** All pages of the devices that the flags mean. */
async function allDevices(flags: ListFlags): Promise<Device[]> {
  const devices: Device[] = [];
  const named = filterNames.flatMap((name) => {
    const value = flags[name];
    return value === undefined ? [] : [path`&${name}=${value}`];
  });
  if (flags.offline) named.push("&presence=offline");
  const filter = named.join("");
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
