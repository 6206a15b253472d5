import type { Command } from "commander";
import { type ApiFlags, callApi, columns, path, show, withApiFlags } from "../api/client.ts";

interface Rma {
  id: string;
  serial: string;
  failureCode: string;
  status: string;
  openedMs: number;
  teardown: { finding: string } | null;
}
interface Rate {
  group: string;
  devices: number;
  returned: number;
  share: number;
  low: number;
  high: number;
  codes: [string, number][];
}

const holdExample = `
Examples:
  $ fleetling hold set batch B2026-11 --reason "antenna detunes"
  $ fleetling hold set lot cell=L4711 --reason "leaks at 40 degrees"
  $ fleetling hold lift batch B2026-11 --reason "reworked, report 12"
`;
const rmaExample = `
Examples:
  $ fleetling rma open PUCK-0042 no-boot --notes "customer heard a click"
  $ fleetling rma teardown 000001785000000-0a1b2c "cell leaked" --component cell --lot L4711
  $ fleetling rma close 000001785000000-0a1b2c
`;

/** Adds `fleetling hold`, `fleetling rma` and `fleetling quality`. */
export function register(program: Command): void {
  registerHold(program);
  registerRma(program);
  withApiFlags(program.command("quality"))
    .description("Share of devices that came back, by where they come from")
    .argument("<by>", "batch, lot, station, release, board or model")
    .addHelpText("after", "\nExample:\n  $ fleetling quality lot\n")
    .action(async (by: string, flags: ApiFlags) => {
      const reply = await callApi<{ rates: Rate[] }>(
        flags,
        "GET",
        path`/v1/quality/failures?by=${by}`,
      );
      const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
      const rows = reply.rates.map((rate) => [
        ...[rate.group, rate.devices, rate.returned, percent(rate.share)],
        `${percent(rate.low)} - ${percent(rate.high)}`,
        rate.codes.map(([code, count]) => `${code} ${count}`).join(", "),
      ]);
      show(flags, reply, columns([by, "devices", "returned", "share", "95 %", "codes"], rows));
    });
}

function registerHold(program: Command): void {
  const hold = program
    .command("hold")
    .description("Hold a batch or a component lot: no birth of it is taken")
    .addHelpText("after", holdExample);
  for (const [name, method, words] of [
    ["set", "PUT", "is held"],
    ["lift", "DELETE", "may go on"],
  ] as const) {
    withApiFlags(hold.command(name))
      .description(name === "set" ? "Hold a batch or lot" : "Let it go on")
      .argument("<kind>", "batch or lot")
      .argument("<name>", "batch id, or component=lot number")
      .requiredOption("--reason <text>", "why; goes into the log")
      .action(async (kind: string, id: string, flags: ApiFlags & { reason: string }) => {
        const { reason } = flags;
        const reply = await callApi(flags, method, path`/v1/holds/${kind}/${id}`, { reason });
        show(flags, reply, [`${kind} ${id} ${words}`]);
      });
  }
  withApiFlags(hold.command("list"))
    .description("What is held, by whom and why")
    .action(async (flags: ApiFlags) => {
      const reply = await callApi<{
        holds: Record<"kind" | "name" | "person" | "reason", string>[];
      }>(flags, "GET", "/v1/holds");
      const rows = reply.holds.map(({ kind, name, person, reason }) => [
        kind,
        name,
        person,
        reason,
      ]);
      show(flags, reply, columns(["kind", "name", "by", "reason"], rows));
    });
}

function registerRma(program: Command): void {
  const rma = program
    .command("rma")
    .description("Devices that came back: what failed, and what was found inside")
    .addHelpText("after", rmaExample);
  const line = (one: Rma) => `${one.id}  ${one.serial}  ${one.failureCode}  ${one.status}`;
  withApiFlags(rma.command("open"))
    .description("Open the record of a returned device")
    .argument("<serial>")
    .argument("<code>", "your own word for the failure: no-boot, battery-swollen")
    .option("--notes <text>", "what the customer said", "")
    .action(async (serial: string, code: string, flags: ApiFlags & { notes: string }) => {
      const body = { serial, failureCode: code, notes: flags.notes };
      const made = await callApi<Rma>(flags, "POST", "/v1/rmas", body);
      show(flags, made, [line(made)]);
    });
  withApiFlags(rma.command("teardown"))
    .description("Note what was found inside")
    .argument("<id>")
    .argument("<finding>")
    .option("--component <name>", "part at fault")
    .option("--lot <number>", "its lot")
    .action(
      async (
        id: string,
        finding: string,
        flags: ApiFlags & { component?: string; lot?: string },
      ) => {
        const { component = null, lot = null } = flags;
        const body = { finding, component, lot };
        const made = await callApi<Rma>(flags, "POST", path`/v1/rmas/${id}/teardown`, body);
        show(flags, made, [line(made)]);
      },
    );
  withApiFlags(rma.command("close"))
    .description("End a return")
    .argument("<id>")
    .action(async (id: string, flags: ApiFlags) => {
      const made = await callApi<Rma>(flags, "POST", path`/v1/rmas/${id}/close`, {});
      show(flags, made, [line(made)]);
    });
  withApiFlags(rma.command("list"))
    .description("Returns, oldest first")
    .option("--serial <serial>", "of one device only")
    .action(async (flags: ApiFlags & { serial?: string }) => {
      const query = flags.serial === undefined ? "" : path`?serial=${flags.serial}`;
      const reply = await callApi<{ rmas: Rma[] }>(flags, "GET", `/v1/rmas${query}`);
      show(flags, reply, reply.rmas.map(line));
    });
}
