import type { Command } from "commander";
import { keyId } from "../../../firmware/protocol/host/cose.ts";
import { roleNames } from "../../../firmware/protocol/host/keyset.ts";
import { heights } from "./keyFile.ts";
import { registerLease } from "./leaseCommand.ts";
import type { LedgerRange } from "./ledger.ts";
import { progressLine } from "./progress.ts";
import { registerRotate } from "./rotateCommand.ts";
import { createKeys, createSigner, type KeysReport, showKeys } from "./store.ts";

const newExample = `
Example:
  $ fleetling keys new --dir keys
  Makes root-1..3 and release (each .key.json, .tree, .ledger and .mark), certificate.key for the
  agent, and keyset-1.cbor, signed by two of the three root keys: what devices are born with.
  Move at least one root key to a place without network, and back the folder up as one piece:
  a ledger that is older than the newest release is refused. Half of the leaves sign here without
  any network; the other half is leased by the agent: fleetling keys lease, fleetling keys desk.

Heights: 10 = 1,024 releases (below a second), 15 = 32,768 (a quarter of a minute),
         20 = 1,048,576 (about ten minutes, 50 MB tree).
`;

const signerExample = `
Example:
  $ fleetling keys signer --dir keys --out bob --height 10
  Makes bob's own release key in a folder of his, with the key sets so far, and prints the public key.
  It signs once a key set names it:
  $ fleetling keys rotate --dir keys --add-release HEX --release-threshold 2
  $ cp keys/keyset-2.cbor bob/
`;

const showExample = `
Example:
  $ fleetling keys show --dir keys --json
  Tells leaves used, leased and left, range by range, and warns from 80 % on.
`;

/** Adds `fleetling keys new` and `fleetling keys show`. */
export function register(program: Command): void {
  const keys = program.command("keys").description("Make and look at root, release and agent keys");
  keys
    .command("new")
    .description("Make a new key folder with a signed key set")
    .option("-d, --dir <dir>", "folder; must be empty or new", "keys")
    .option("--height <h>", `height of the release key: ${heights.release.join(", ")}`, "10")
    .option("--json", "print the result as JSON")
    .addHelpText("after", newExample)
    .action((flags: { dir: string; height: string; json?: boolean }) => {
      const onProgress = progressLine("release key");
      const made = createKeys({ dir: flags.dir, height: Number(flags.height), onProgress });
      const result = { dir: flags.dir, releaseKey: hex(made.publicKey), files: made.files };
      process.stdout.write(
        flags.json
          ? `${JSON.stringify(result)}\n`
          : `${result.files.map((file) => `made ${flags.dir}/${file}`).join("\n")}\n` +
              "Back the folder up as one piece; keep one root key apart from it.\n",
      );
    });
  keys
    .command("show")
    .description("Check a key folder and print what is public in it")
    .option("-d, --dir <dir>", "folder", "keys")
    .option("--json", "print as JSON")
    .addHelpText("after", showExample)
    .action((flags: { dir: string; json?: boolean }) => {
      const report = showKeys(flags.dir);
      process.stdout.write(
        flags.json ? `${JSON.stringify(publicReport(report))}\n` : reportText(report),
      );
      if (report.ledger.warning) process.stderr.write(`Warning: ${report.ledger.warning}\n`);
    });
  keys
    .command("signer")
    .description("Make the key folder of a further person who signs releases")
    .option("-d, --dir <dir>", "folder whose key sets are followed", "keys")
    .requiredOption("-o, --out <dir>", "new folder; must be empty or new")
    .option("--height <h>", `height of the release key: ${heights.release.join(", ")}`, "10")
    .option("--json", "print the result as JSON")
    .addHelpText("after", signerExample)
    .action((flags: { dir: string; out: string; height: string; json?: boolean }) => {
      const { dir, out } = flags;
      const onProgress = progressLine("release key");
      const made = createSigner({ dir, out, height: Number(flags.height), onProgress });
      const result = { dir: out, releaseKey: hex(made.publicKey), files: made.files };
      process.stdout.write(
        flags.json
          ? `${JSON.stringify(result)}\n`
          : `${result.files.map((file) => `made ${out}/${file}`).join("\n")}\n` +
              `release key ${result.releaseKey}\n` +
              "Name it in the next key set: fleetling keys rotate --add-release\n",
      );
    });
  registerLease(keys);
  registerRotate(keys);
}

function publicReport({ keySet, leaves, ledger }: KeysReport) {
  const roles = roleNames.map((name) => [
    name,
    { threshold: keySet[name].threshold, keys: keySet[name].keys.map(hex) },
  ]);
  const { entries, ranges, leavesLeft, warning } = ledger;
  return {
    ...{ version: keySet.version, roles: Object.fromEntries(roles), leaves },
    ...{ leavesUsed: entries.length, leavesLeft, leavesLeased: leasedOf(ranges), ranges, warning },
  };
}

function leasedOf(ranges: LedgerRange[]): number {
  return ranges.reduce((sum, { from, to, isLeased }) => sum + (isLeased ? to - from : 0), 0);
}

function reportText({ keySet, leaves, ledger }: KeysReport): string {
  const lines = [`key set version ${keySet.version}`];
  for (const name of roleNames) {
    const role = keySet[name];
    lines.push(`${name}: ${role.threshold} of ${role.keys.length}`);
    for (const key of role.keys) lines.push(`  ${hex(keyId(key))}  ${hex(key)}`);
  }
  const { entries, ranges, leavesLeft } = ledger;
  lines.push(
    `release key: ${leaves} leaves; here ${entries.length} used, ${leasedOf(ranges)} leased, ${leavesLeft} left`,
  );
  for (const { from, to, next, isLeased } of ranges) {
    const whose = isLeased ? "leased" : "offline";
    lines.push(`  ${whose} ${from} to ${to - 1}: ${next - from} used, ${to - next} left`);
  }
  lines.push("");
  return lines.join("\n");
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
