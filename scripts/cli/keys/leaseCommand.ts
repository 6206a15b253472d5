import type { Command } from "commander";
import { ToolError } from "./errors.ts";
import { lease } from "./lease.ts";
import { createDesk } from "./store.ts";

const leaseExample = `
Example:
  $ FLEETLING_TOKEN=flt_... fleetling keys lease --dir keys --agent https://fleet.example.com --leaves 64
  The desk is named after the token (role desk). Its ledger is compared with what the agent leased and
  saw in releases, so an old copy of a ledger is found here. Leased leaves sign first; the offline
  half of the key, which belongs to the desk that made it, signs without any agent.
  --leaves 0 only compares.
`;

const deskExample = `
Example:
  $ fleetling keys desk --dir keys --out desk-2
  Gives a second signing desk the same release key and none of its leaves. It signs once it has
  leased some: fleetling keys lease --dir desk-2 ... Never copy a key folder by hand: both copies
  would sign with the same leaves, which gives the key away.
`;

interface LeaseFlags {
  dir: string;
  agent?: string;
  leaves: string;
  json?: boolean;
}

/** Adds `keys lease` and `keys desk`. */
export function registerLease(keys: Command): void {
  keys
    .command("lease")
    .description("Lease leaves of the release key from an agent")
    .option("-d, --dir <dir>", "key folder", "keys")
    .option("--agent <url>", "HTTP API of the agent; default: environment FLEETLING_URL")
    .option("--leaves <n>", "leaves to lease, 0 to 4096; 0 only compares", "64")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      `${leaseExample}\nThe token comes from the environment: FLEETLING_TOKEN.\n`,
    )
    .action(runLease);
  keys
    .command("desk")
    .description("Make the folder of a further signing desk")
    .option("-d, --dir <dir>", "key folder to take the release key from", "keys")
    .requiredOption("-o, --out <dir>", "new folder; must be empty or new")
    .option("--json", "print the result as JSON")
    .addHelpText("after", deskExample)
    .action((flags: { dir: string; out: string; json?: boolean }) => {
      const files = createDesk(flags);
      const text = files.map((file) => `made ${flags.out}/${file}\n`).join("");
      process.stdout.write(flags.json ? `${JSON.stringify({ dir: flags.out, files })}\n` : text);
    });
}

async function runLease(flags: LeaseFlags): Promise<void> {
  const agent = flags.agent ?? process.env.FLEETLING_URL ?? "";
  const token = process.env.FLEETLING_TOKEN ?? "";
  if (!URL.canParse(agent)) throw input("--agent", "the URL of an agent", agent || "none");
  if (token === "") throw input("FLEETLING_TOKEN", "a token of role desk", "none");
  if (!/^\d{1,4}$/.test(flags.leaves) || Number(flags.leaves) > 4096) {
    throw input("--leaves", "0 to 4096", flags.leaves);
  }
  const result = await lease({ dir: flags.dir, agent, token, leaves: Number(flags.leaves) });
  for (const warning of result.warnings) process.stderr.write(`Warning: ${warning}\n`);
  if (flags.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  const { lease: got, leavesLeft, keyLeavesLeft } = result;
  const first = got
    ? `leased leaves ${got.from} to ${got.to - 1}`
    : "the ledger agrees with the agent";
  process.stdout.write(`${first}; ${leavesLeft} left here, ${keyLeavesLeft} to lease\n`);
}

function input(object: string, expected: string, found: string): ToolError {
  const next = "See fleetling keys lease --help.";
  return new ToolError("LEASE_INPUT", { object, expected, found, next });
}
