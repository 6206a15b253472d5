import type { Command } from "commander";
import {
  type ApiFlags,
  callApi,
  columns,
  flagInvalid,
  path,
  show,
  withApiFlags,
} from "../api/client.ts";

interface Figures {
  min: number;
  max: number;
  mean: number;
  count: number;
}
interface SpansReply {
  spans: { fromMs: number; sequence: number; crashes: number; figures: Record<string, Figures> }[];
}
interface PercentilesReply {
  groups: Record<"group" | "devices" | "min" | "p5" | "p50" | "p95" | "max", string | number>[];
  leftOut: number;
}

const fleetExample = `
Examples:
  $ fleetling vitals fleet batteryMv --by batch
  $ fleetling vitals fleet m.waterLitres --by release --days 7
Each device counts once, with its mean over the time; by release: with what it ran then.
`;
const showExample = `
Examples:
  $ fleetling vitals show PUCK-0042 temperatureDeciC
  $ fleetling vitals show PUCK-0042 batteryMv --by day --days 90
`;

/** Adds `fleetling vitals show | fleet`. */
export function register(program: Command): void {
  const vitals = program.command("vitals").description("What devices measure of themselves");
  withApiFlags(vitals.command("fleet"))
    .description("Percentiles over the fleet, by group")
    .argument("<metric>", 'batteryMv, memoryUsedPermille …, or "m." and a declared name')
    .requiredOption("--by <group>", "release, board, batch, site or model")
    .option("--days <days>", "how far back", "1")
    .addHelpText("after", fleetExample)
    .action(async (metric: string, flags: ApiFlags & { by: string; days: string }) => {
      const query = path`metric=${metric}&by=${flags.by}&sinceMs=${sinceMs(flags.days)}`;
      const reply = await callApi<PercentilesReply>(
        flags,
        "GET",
        `/v1/vitals/percentiles?${query}`,
      );
      const rows = reply.groups.map((one) => [
        ...[one.group, one.devices],
        ...[one.min, one.p5, one.p50, one.p95, one.max].map((value) => short(Number(value))),
      ]);
      const head = [flags.by, "devices", "min", "p5", "p50", "p95", "max"];
      const lines = columns(head, rows);
      if (reply.leftOut > 0) lines.push(`and ${reply.leftOut} smaller groups`);
      show(flags, reply, lines);
    });
  withApiFlags(vitals.command("show"))
    .description("One vital of one device, by hour or day")
    .argument("<serial>")
    .argument("<metric>")
    .option("--by <span>", "hour or day", "hour")
    .option("--days <days>", "how far back", "1")
    .addHelpText("after", showExample)
    .action(
      async (serial: string, metric: string, flags: ApiFlags & { by: string; days: string }) => {
        const query = path`kind=${flags.by}&sinceMs=${sinceMs(flags.days)}&limit=500`;
        const place = path`/v1/devices/${serial}/vitals/spans`;
        const reply = await callApi<SpansReply>(flags, "GET", `${place}?${query}`);
        const rows = reply.spans.flatMap((span) => {
          const figures = span.figures[metric];
          if (!figures) return [];
          const { min, mean, max, count } = figures;
          const from = `${new Date(span.fromMs).toISOString().slice(0, 16)}Z`;
          return [[from, span.sequence, short(min), short(mean), short(max), count, span.crashes]];
        });
        const head = ["from", "release", "min", "mean", "max", "samples", "crashes"];
        show(flags, reply, columns(head, rows));
      },
    );
}

function sinceMs(days: string): number {
  const count = Number(days);
  if (days !== "" && count > 0 && count <= 366) return Math.floor(Date.now() - count * 86_400_000);
  throw flagInvalid("--days", "a number above 0 and up to 366", days || "none");
}

/** At most one decimal. */
function short(value: number): string {
  return String(Math.round(value * 10) / 10);
}
