import { createHash } from "node:crypto";
import type { Command } from "commander";
import { progressLine } from "../keys/progress.ts";
import { readKeySets } from "../keys/store.ts";
import { readBuildFolder } from "./buildFolder.ts";
import { readReleaseFile, short, writeReleaseFile } from "./file.ts";
import { integer } from "./input.ts";
import { addSignature, signaturesOf, signedWords } from "./signatures.ts";
import { addTicket } from "./ticket.ts";

const signatureExample = `
Example:
  $ fleetling keys signer --dir keys --out bob --height 10
  $ fleetling keys rotate --dir keys --add-release HEX --release-threshold 2
  $ cp keys/keyset-2.cbor bob/
  $ fleetling release sign build/puckjs ... --keys keys --out release.json
  $ fleetling release add-signature release.json build-of-bob/puckjs --keys bob
  Bob holds what he built himself against the release, then signs it with his own key. Without build
  folders he signs what the file says. The command tells how many of the signatures that the key set
  asks for are there, and by whom; the agent publishes nothing with fewer.
`;

const ticketExample = `
Example:
  $ fleetling release ticket release-7.json --downgrade-from 9 --keys keys \\
      --person "Ann" --reason "9 drains batteries; 7 is the last good one."
  Signs the images of release 7 once more, for devices whose floor is 9: only they may go back to it,
  once. Person and reason go into keys/decisions.log, the file and the agent's event log. Publish the
  file again and roll 7 out; devices of other floors are passed over.
`;

interface SignatureFlags {
  keys: string;
  json?: boolean;
}

interface TicketFlags extends SignatureFlags {
  downgradeFrom: string;
  person: string;
  reason: string;
}

/** Adds `release add-signature` and `release ticket`, which go on with a release file. */
export function registerAdd(release: Command): void {
  release
    .command("add-signature")
    .description("Sign a release that is signed already, with another person's key")
    .argument("<file>", "release file; written with the signature added")
    .argument("[builds...]", "build folders of your own, to hold against it")
    .option("--keys <dir>", "your key folder", "keys")
    .option("--json", "print the summary as JSON")
    .addHelpText("after", signatureExample)
    .action((path: string, builds: string[], flags: SignatureFlags) => {
      const onProgress = progressLine("release key");
      const digests = builds.length > 0 ? builds.map(imageDigest) : undefined;
      const before = readReleaseFile(path);
      const added = addSignature(before, { keysDir: flags.keys, builds: digests, onProgress });
      writeReleaseFile(path, added.file);
      const { signed, addedBy, leavesLeft } = added;
      const images = added.file.images.map(({ board, digest }) => `${board}: ${short(digest)}`);
      process.stdout.write(
        flags.json
          ? `${JSON.stringify({ out: path, addedBy, leavesLeft, signatures: signed })}\n`
          : `${[...images, `key ${addedBy} signed`, signedWords(signed)].join("\n")}\n`,
      );
    });
  release
    .command("ticket")
    .description("Sign a downgrade ticket for a release: devices of one floor may go back to it")
    .argument("<file>", "release file; written with the ticket added")
    .requiredOption("--downgrade-from <floor>", "floor of the devices that may go back")
    .requiredOption("--person <name>", "who decided")
    .requiredOption("--reason <text>", "why")
    .option("--keys <dir>", "key folder", "keys")
    .option("--json", "print the summary as JSON")
    .addHelpText("after", ticketExample)
    .action((path: string, flags: TicketFlags) => {
      const { downgradeFrom, person, reason, keys: keysDir } = flags;
      const wish = {
        floor: integer("--downgrade-from", downgradeFrom, 1, 0xffff_ffff),
        person,
        reason,
      };
      const onProgress = progressLine("release key");
      const { file, leavesLeft } = addTicket(readReleaseFile(path), { keysDir, wish, onProgress });
      writeReleaseFile(path, file);
      const signatures = signaturesOf(file, readKeySets(keysDir));
      const { sequence } = file;
      const words = `release ${sequence}: downgrade ticket for devices of floor ${wish.floor}`;
      process.stdout.write(
        flags.json
          ? `${JSON.stringify({ out: path, sequence, ticket: wish, leavesLeft, signatures })}\n`
          : `${words}\n${signedWords(signatures)}\nwritten to ${path}; ${leavesLeft} leaves left\n`,
      );
    });
}

/** Digest (hex) of the image in a build folder. @throws ToolError RELEASE_INPUT */
function imageDigest(dir: string): string {
  return createHash("sha256").update(readBuildFolder(dir).text).digest("hex");
}
