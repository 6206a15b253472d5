/** Commands for one device, for several, or for all that a filter means. */
import type { Command } from "commander";
import {
  ApiError,
  type ApiFlags,
  callApi,
  columns,
  flagInvalid,
  path,
  secondsOf,
  show,
  withApiFlags,
} from "../api/client.ts";
import { timeText } from "../api/time.ts";

/** Which devices a command is for. */
interface Chosen {
  filter?: string;
  yes?: boolean;
}

/** Requests under way at once: the agent answers them one after the other anyway. */
const atOnce = 4;

const tagExample = `
Examples:
  $ fleetling device tag PUCK-0042 PUCK-0043 --add hot --remove new --site attic
  $ fleetling device tag --filter "board = puckjs and batch = B7" --group pilot --yes
`;
const settingsExample = `
Examples:
  $ fleetling device settings PUCK-0042 --set everyS=600 --set mode=eco
  $ fleetling device settings --filter pilots --set everyS=600 --yes
  All settings are replaced: one that is not named falls back to its default. Flags stay.
`;
const maintenanceExample = `
Examples:
  $ fleetling device maintenance PUCK-0042 --for 4h --reason "new cell"
  $ fleetling device maintenance --filter "site = attic" --for 4h --reason "rewiring" --yes
  $ fleetling device maintenance PUCK-0042 --end
`;

/** Adds `tag`, `settings` and `maintenance`. */
export function registerMany(device: Command): void {
  registerTag(device);
  registerSettings(device);
  registerMaintenance(device);
}

function registerTag(device: Command): void {
  withMany(device.command("tag"))
    .description("Tags, group, site and time zone of devices; what is left out stays")
    .option("--add <tag...>", "tags beside those that it has")
    .option("--remove <tag...>", "tags that it loses")
    .option("--group <group>", 'put into a group; "none" takes it out')
    .option("--site <site>", 'where it stands; "none" for nowhere')
    .option("--time-zone <zone>", "Europe/Berlin, or +02:00")
    .addHelpText("after", tagExample)
    .action(async (serials: string[], flags: ApiFlags & Chosen & TagFlags) => {
      const { add, remove, group, site, timeZone } = flags;
      const body = {
        ...(add && { addTags: add }),
        ...(remove && { removeTags: remove }),
        ...(group && { group: orNone(group) }),
        ...(site && { site: orNone(site) }),
        ...(timeZone && { timeZone: orNone(timeZone) }),
      };
      if (Object.keys(body).length === 0) {
        throw flagInvalid("--add, --remove, --group, --site or --time-zone", "one of them", "none");
      }
      await forMany(
        flags,
        serials,
        () => "labelled",
        (serial) => {
          return callApi(flags, "PUT", path`/v1/devices/${serial}/labels`, body);
        },
      );
    });
}

function registerSettings(device: Command): void {
  withMany(device.command("settings"))
    .description("Wish settings of devices; each takes them at its next contact")
    .requiredOption("--set <name=value...>", "a setting: a number, true, false, or a text")
    .addHelpText("after", settingsExample)
    .action(async (serials: string[], flags: ApiFlags & Chosen & { set: string[] }) => {
      const values = Object.fromEntries(flags.set.map(settingOf));
      await forMany(
        flags,
        serials,
        () => "told at the next contact",
        (serial) => {
          return callApi(flags, "PUT", path`/v1/devices/${serial}/settings`, { values });
        },
      );
    });
}

function registerMaintenance(device: Command): void {
  withMany(device.command("maintenance"))
    .description("Work on devices: no offers and no alerts until the end")
    .option("--for <time>", "30m, 4h or 7d")
    .option("--reason <text>", "why; goes into the log")
    .option("--end", "end it now")
    .addHelpText("after", maintenanceExample)
    .action(async (serials: string[], flags: ApiFlags & Chosen & MaintenanceFlags) => {
      const place = (serial: string) => path`/v1/devices/${serial}/maintenance`;
      if (flags.end) {
        const end = (serial: string) => callApi<Device>(flags, "DELETE", place(serial));
        return forMany(flags, serials, ({ lifecycleName }) => lifecycleName, end);
      }
      const { reason } = flags;
      if (!reason) throw flagInvalid("--reason", "a text", "none");
      const body = { forS: secondsOf(flags.for ?? ""), reason };
      await forMany(flags, serials, underMaintenance, (serial) => {
        return callApi(flags, "PUT", place(serial), body);
      });
    });
}

interface TagFlags {
  add?: string[];
  remove?: string[];
  group?: string;
  site?: string;
  timeZone?: string;
}
interface MaintenanceFlags {
  for?: string;
  reason?: string;
  end?: boolean;
}

interface Device {
  lifecycleName: string;
  maintenance: { untilMs: number } | null;
}

function underMaintenance({ maintenance }: Device): string {
  const until = maintenance === null ? "its end" : timeText(maintenance.untilMs);
  return `under maintenance until ${until}`;
}

function withMany(command: Command): Command {
  return withApiFlags(command)
    .argument("[serials...]")
    .option("--filter <filter>", "all that a saved filter or an expression means")
    .option("--yes", "with --filter: do it; without, only the count is shown");
}

/** Serials of all devices that a filter means. */
export async function serialsOf(flags: ApiFlags, filter: string): Promise<string[]> {
  const serials: string[] = [];
  for (let after: string | null = ""; after !== null; ) {
    const from = after === "" ? "" : path`&after=${after}`;
    const page: { devices: { serial: string }[]; next: string | null } = await callApi(
      flags,
      "GET",
      `${path`/v1/devices?limit=500&filter=${filter}`}${from}`,
    );
    serials.push(...page.devices.map(({ serial }) => serial));
    after = page.next;
  }
  return serials;
}

/** Does one thing to each device; what the agent refuses of one does not stop the others, but the command fails. */
async function forMany(
  flags: ApiFlags & Chosen,
  named: string[],
  words: (last: Device) => string,
  deed: (serial: string) => Promise<Device>,
): Promise<void> {
  const { filter } = flags;
  if (named.length > 0 === (filter !== undefined)) {
    throw flagInvalid("SERIAL or --filter", "one of the two", filter ? "both" : "neither");
  }
  const serials = filter === undefined ? named : await serialsOf(flags, filter);
  if (filter !== undefined && !flags.yes) {
    const some = serials.slice(0, 5).join(", ");
    const more = serials.length > 5 ? ", …" : "";
    const lines = [`${serials.length} devices: ${some}${more}`, "Nothing was done; add --yes."];
    return show(flags, { devices: serials.length, done: 0, refused: [] }, lines);
  }
  const refused: { serial: string; name: string; detail: string }[] = [];
  const queue = serials.values();
  let last: Device | null = null;
  const work = async () => {
    for (const serial of queue) {
      try {
        last = await deed(serial);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        // One device: its refusal is the command's.
        if (serials.length === 1) throw error;
        refused.push({ serial, name: error.code, detail: error.message });
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  const count = serials.length - refused.length;
  const done = last === null ? "" : ` ${serials.length === 1 ? "is" : "are"} ${words(last)}`;
  const what = `${serials.length === 1 ? serials[0] : `${count} devices`}${done}`;
  const rows = refused.map(({ serial, name, detail }) => [serial, name, detail]);
  const lines = refused.length === 0 ? [] : columns(["refused", "why", "detail"], rows);
  show(flags, { devices: serials.length, done: count, refused }, [what, ...lines]);
  if (refused.length > 0) process.exitCode = 1;
}

function orNone(word: string): string | null {
  return word === "none" ? null : word;
}

function settingOf(text: string): [string, number | boolean | string] {
  const at = text.indexOf("=");
  if (at < 1) throw flagInvalid("--set", "NAME=VALUE", text);
  const value = text.slice(at + 1);
  const name = text.slice(0, at);
  if (value === "true" || value === "false") return [name, value === "true"];
  return [name, /^-?\d{1,15}$/.test(value) ? Number(value) : value];
}
