import type { Command } from "commander";
import { type ApiFlags, callApi, columns, path, show, withApiFlags } from "../api/client.ts";
import { timeText } from "../api/time.ts";

interface Provisioning {
  id: string;
  event: string;
  serial: string;
  account: string | null;
  startedMs: number;
  state: string;
  refusal: { hook: string | null; text: string } | null;
  hooks: { name: string; state: string; undo: string; attempts: number; error: string | null }[];
}

/** Adds `fleetling hook list | show | replay`. */
export function register(program: Command): void {
  const hook = program
    .command("hook")
    .description("Other systems that are asked about claims, transfers and decommissions");
  withApiFlags(hook.command("list"))
    .description("What they were asked, the open ones first")
    .option("--serial <serial>", "of this device")
    .option("--state <state>", "running, undoing, passed, incomplete, refused or stuck")
    .addHelpText(
      "after",
      "\nExamples:\n  $ fleetling hook list --state stuck\n  $ fleetling hook list --serial PUCK-0042 --json\n",
    )
    .action(async (flags: ApiFlags & { serial?: string; state?: string }) => {
      const filters = (["serial", "state"] as const).flatMap((name) => {
        const value = flags[name];
        return value === undefined ? [] : [path`&${name}=${value}`];
      });
      const reply = await callApi<{ provisionings: Provisioning[] }>(
        flags,
        "GET",
        `/v1/provisionings?limit=500${filters.join("")}`,
      );
      const head = ["provisioning", "event", "serial", "account", "begun", "state", "hook"];
      const rows = reply.provisionings.map((one) => [
        ...[one.id, one.event, one.serial, one.account],
        ...[timeText(one.startedMs), one.state, hookOf(one)],
      ]);
      show(flags, reply, columns(head, rows));
    });
  withApiFlags(hook.command("show"))
    .description("One of them, with every hook's answer")
    .argument("<id>")
    .addHelpText("after", "\nExample:\n  $ fleetling hook show 8c4f20d1a6b35e79\n")
    .action(async (id: string, flags: ApiFlags) => {
      const one = await callApi<Provisioning>(flags, "GET", path`/v1/provisionings/${id}`);
      show(flags, one, lines(one));
    });
  withApiFlags(hook.command("replay"))
    .description("Call the hooks that failed for good again, under their keys")
    .argument("<id>")
    .addHelpText("after", "\nExample:\n  $ fleetling hook replay 8c4f20d1a6b35e79\n")
    .action(async (id: string, flags: ApiFlags) => {
      const url = path`/v1/provisionings/${id}/replay`;
      const one = await callApi<Provisioning>(flags, "POST", url);
      show(flags, one, lines(one));
    });
}

/** The hook that matters: the one that refused or failed, else the one whose turn it is. */
function hookOf({ refusal, hooks }: Provisioning): string | null {
  const failed = hooks.find(({ state, undo }) => state === "failed" || undo === "failed");
  const due = hooks.find(({ state, undo }) => state === "waiting" || undo === "waiting");
  return refusal?.hook ?? failed?.name ?? due?.name ?? null;
}

function lines(one: Provisioning): string[] {
  const rows = one.hooks.map(({ name, state, undo, attempts, error }) => [
    ...[name, state, undo === "none" ? null : undo, attempts, error],
  ]);
  return [
    `${one.id}: ${one.event} of ${one.serial} is ${one.state}`,
    ...(one.refusal ? [one.refusal.text] : []),
    ...columns(["hook", "state", "taken back", "attempts", "error"], rows),
  ];
}
