import type { Command } from "commander";
import {
  ApiError,
  type ApiFlags,
  callApi,
  columns,
  path,
  show,
  withApiFlags,
} from "../api/client.ts";
import { timeText } from "../api/time.ts";

interface Mismatch {
  serial: string;
  account: string | null;
  plan: string | null;
  untilMs: number | null;
  lastSeenMs: number | null;
  why: string;
}
interface Reconciliation {
  id: string;
  atMs: number;
  by: string;
  inactiveDays: number;
  devices: number;
  entitled: number;
  active: number;
  entitledInactive: { count: number; listed: Mismatch[] };
  activeNotEntitled: { count: number; listed: Mismatch[] };
}

const example = `
Examples:
  $ fleetling reconcile
  $ fleetling reconcile --last
  $ fleetling reconcile --json | jq -r '.activeNotEntitled.listed[].serial'
`;

/** Adds `fleetling reconcile`. */
export function register(program: Command): void {
  withApiFlags(program.command("reconcile"))
    .description(
      "Devices that are paid for and do not come, and those that come and are not paid for",
    )
    .option("--last", "show the newest one that is kept, instead of looking again")
    .addHelpText("after", example)
    .action(async (flags: ApiFlags & { last?: boolean }) => {
      const report = flags.last
        ? await newest(flags)
        : await callApi<Reconciliation>(flags, "POST", "/v1/reconciliations");
      show(flags, report, lines(report));
    });
}

async function newest(flags: ApiFlags): Promise<Reconciliation> {
  const url = "/v1/reconciliations";
  const kept = await callApi<{ reconciliations: { id: string }[] }>(flags, "GET", url);
  const id = kept.reconciliations[0]?.id;
  if (id === undefined) {
    const text = "NONE_KEPT: expected a reconciliation, none was made yet. Leave --last out.";
    throw new ApiError("NONE_KEPT", text);
  }
  return callApi<Reconciliation>(flags, "GET", path`/v1/reconciliations/${id}`);
}

function lines(report: Reconciliation): string[] {
  const { atMs, by, inactiveDays, devices, entitled, active } = report;
  return [
    `${timeText(atMs)} by ${by}: ${devices} devices in service, ${entitled} entitled, ${active} came within ${inactiveDays} days`,
    ...section("entitled but inactive", report.entitledInactive),
    ...section("active but not entitled", report.activeNotEntitled),
  ];
}

function section(title: string, { count, listed }: { count: number; listed: Mismatch[] }) {
  const head = `${title}: ${count}${count > listed.length ? `, the first ${listed.length}` : ""}`;
  if (listed.length === 0) return [head];
  const rows = listed.map((one) => [
    ...[
      one.serial,
      one.account,
      one.plan,
      timeText(one.untilMs),
      timeText(one.lastSeenMs),
      one.why,
    ],
  ]);
  return [head, ...columns(["serial", "account", "plan", "until", "last seen", "why"], rows)];
}
