import type { Command } from "commander";
import {
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

type Value = string | number | boolean | null;
interface Ordered {
  serial: string;
  id: number;
  name: string | null;
  argument: Value;
  person: string;
  createdMs: number;
  expiresMs: number;
  state: string;
  code: number | null;
  result: Value;
}
interface DeviceLog {
  atMs: number;
  sequence: number;
  resetReason: number;
  lines: string[];
  ended: { code: number; text: string; lines: string[] } | null;
}

const commandExample = `
ARGUMENT is a whole number, true, false, or a text of at most 48 characters. Instead of SERIAL, filters name devices:

Examples:
  $ fleetling device command PUCK-0042 identify --expires 1h
  $ fleetling device command PUCK-0042 dim 40 --expires 10m
  $ fleetling device command-all identify --site attic --expires 1h
`;

const filterNames = [
  ...(["site", "group", "tag", "account", "gateway"] as const),
  ...(["model", "board", "batch"] as const),
];

/** Adds `command`, `command-all`, `commands` and `log`. */
export function registerCommands(device: Command): void {
  registerOrders(device);
  withApiFlags(device.command("commands"))
    .description("The last commands of a device and what came of them, newest first")
    .argument("<serial>")
    .addHelpText("after", "\nExample:\n  $ fleetling device commands PUCK-0042\n")
    .action(async (serial: string, flags: ApiFlags) => {
      const url = path`/v1/devices/${serial}/commands`;
      const reply = await callApi<{ commands: Ordered[] }>(flags, "GET", url);
      const head = [
        "id",
        "command",
        "argument",
        "state",
        "code",
        "result",
        "ordered",
        "expires",
        "by",
      ];
      const rows = reply.commands.map((one) => [
        ...[one.id, one.name ?? "(log)", textOf(one.argument), one.state, one.code],
        ...[textOf(one.result), timeText(one.createdMs), timeText(one.expiresMs), one.person],
      ]);
      show(flags, reply, columns(head, rows));
    });
  withApiFlags(device.command("log"))
    .description("What a device told of itself: last log lines, and how its last start ended")
    .argument("<serial>")
    .option("--ask", "have the device tell it anew at its next contact")
    .option("--expires <time>", "with --ask: how long to wait for it: 30m, 4h or 7d", "1d")
    .addHelpText(
      "after",
      "\nExamples:\n  $ fleetling device log PUCK-0042\n  $ fleetling device log PUCK-0042 --ask\n",
    )
    .action(async (serial: string, flags: ApiFlags & { ask?: boolean; expires: string }) => {
      const url = path`/v1/devices/${serial}/logs`;
      if (flags.ask) {
        const body = { expiresS: secondsOf(flags.expires, "--expires") };
        const asked = await callApi<Ordered>(flags, "POST", url, body);
        const until = timeText(asked.expiresMs);
        return show(flags, asked, [`${serial} tells its log at its next contact, until ${until}`]);
      }
      const reply = await callApi<{ logs: DeviceLog[] }>(flags, "GET", url);
      show(
        flags,
        reply,
        reply.logs.length > 0 ? reply.logs.flatMap(logLines) : [`${serial}: none`],
      );
    });
}

function registerOrders(device: Command): void {
  withApiFlags(device.command("command"))
    .description("Have the app of a device run one of the commands it declares, at most once")
    .argument("<serial>")
    .argument("<name>")
    .argument("[argument]")
    .requiredOption("--expires <time>", "not begun later than this: 30m, 4h or 7d")
    .addHelpText("after", commandExample)
    .action(
      async (
        serial: string,
        name: string,
        argument: string | undefined,
        flags: ApiFlags & { expires: string },
      ) => {
        const url = path`/v1/devices/${serial}/commands`;
        const ordered = await callApi<Ordered>(flags, "POST", url, bodyOf(name, argument, flags));
        show(flags, ordered, [
          `${serial}: command ${ordered.id} (${name}) goes out at its next contact, until ${timeText(ordered.expiresMs)}`,
        ]);
      },
    );
  const all = withApiFlags(device.command("command-all"))
    .description("The same command for all claimed devices that the filters mean")
    .argument("<name>")
    .argument("[argument]")
    .requiredOption("--expires <time>", "not begun later than this: 30m, 4h or 7d");
  for (const one of filterNames) all.option(`--${one} <${one}>`);
  all
    .option("--sequence <n>", "that run this release")
    .addHelpText("after", commandExample)
    .action(async (name: string, argument: string | undefined, flags: FleetFlags) => {
      const filter: Record<string, string | number> = {};
      for (const one of filterNames) if (flags[one] !== undefined) filter[one] = flags[one];
      if (flags.sequence !== undefined) filter.sequence = Number(flags.sequence);
      if (Object.keys(filter).length === 0)
        throw flagInvalid("--site, --group, …", "at least one filter", "none");
      const body = { ...bodyOf(name, argument, flags), filter };
      const reply = await callApi<FleetReply>(flags, "POST", "/v1/commands", body);
      show(flags, reply, [
        `${reply.ordered.length} devices run ${name} at their next contact`,
        ...reply.refused.map(({ detail }) => `not: ${detail}`),
      ]);
    });
}

interface FleetReply {
  ordered: string[];
  refused: { serial: string; detail: string }[];
}
type FleetFlags = ApiFlags & { expires: string; sequence?: string } & {
  [name in (typeof filterNames)[number]]?: string;
};

function bodyOf(name: string, argument: string | undefined, flags: { expires: string }) {
  const expiresS = secondsOf(flags.expires, "--expires");
  return { name, expiresS, ...(argument === undefined ? {} : { argument: argumentOf(argument) }) };
}

/** What people write as an argument. */
function argumentOf(text: string): Value {
  if (text === "true" || text === "false") return text === "true";
  return /^-?(0|[1-9]\d{0,9})$/.test(text) ? Number(text) : text;
}

const textOf = (value: Value) => (value === null ? null : String(value));

const reasonNames = [
  "unknown",
  "power on",
  "pin",
  "watchdog",
  "software",
  "crash",
  "brown-out",
  "update",
];

function logLines({ atMs, sequence, resetReason, lines, ended }: DeviceLog): string[] {
  const reason = reasonNames[resetReason] ?? resetReason;
  return [
    `${timeText(atMs)}  release ${sequence}, started by: ${reason}`,
    ...lines.map((line) => `  ${line}`),
    ...(ended
      ? [
          `  the start before ended with code ${ended.code}: ${ended.text || "no text"}`,
          ...ended.lines.map((line) => `    ${line}`),
        ]
      : []),
  ];
}
