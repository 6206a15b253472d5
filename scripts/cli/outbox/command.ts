import type { Command } from "commander";
import { type ApiFlags, callApi, columns, path, show, withApiFlags } from "../api/client.ts";
import { timeText } from "../api/time.ts";

interface Entry {
  id: string;
  output: string;
  kind: string;
  state: string;
  createdMs: number;
  attempts: number;
  error: string | null;
}

/** Adds `fleetling outbox list | replay`. */
export function register(program: Command): void {
  const outbox = program
    .command("outbox")
    .description("What the agent sends to other systems: webhooks, mail, log");
  withApiFlags(outbox.command("list"))
    .description("Entries that wait for their output")
    .option("--state <state>", "waiting, delivered or failed", "waiting")
    .addHelpText("after", "\nExample:\n  $ fleetling outbox list --state failed\n")
    .action(async (flags: ApiFlags & { state: string }) => {
      const reply = await callApi<{ entries: Entry[] }>(
        flags,
        "GET",
        path`/v1/outbox?state=${flags.state}&limit=500`,
      );
      const rows = reply.entries.map((one) => [
        ...[one.id, one.output, one.kind, one.state, one.attempts],
        ...[timeText(one.createdMs), one.error],
      ]);
      const head = ["entry", "output", "kind", "state", "attempts", "made", "error"];
      show(flags, reply, columns(head, rows));
    });
  withApiFlags(outbox.command("replay"))
    .description("Send an entry again, under its id: the receiver can tell that it is a repeat")
    .argument("<id>")
    .action(async (id: string, flags: ApiFlags) => {
      const again = await callApi<Entry>(flags, "POST", path`/v1/outbox/${id}/replay`);
      show(flags, again, [`${again.id} waits for ${again.output}`]);
    });
}
