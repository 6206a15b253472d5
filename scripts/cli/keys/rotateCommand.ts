import type { Command } from "commander";
import { missingWords } from "../../../firmware/protocol/host/keyset.ts";
import { ToolError } from "./errors.ts";
import { type RoleChange, rotate, type SetReport, signSet } from "./rotate.ts";

const rotateExample = `
Examples:
  $ fleetling keys show --dir keys
  $ fleetling keys rotate --dir keys --drop-release 0011223344556677 --new-release 10
  A lost or stolen release key is left out at once; devices refuse its releases from then on.

  $ fleetling keys rotate --dir keys --new-release 10 --release-threshold 2 --with 12
  The set comes into force on a device with the confirm of release 12 or a newer one: sign 12 with the
  keys before, and the releases after it with the new ones.

  $ fleetling keys rotate --dir keys --drop-root 8899aabbccddeeff --new-root 5
  The root keys of this folder sign. What is missing is said, and the set waits as
  keyset-N.pending.cbor: take it to the other root keys, fleetling keys sign-set, and back.
Give keyset-N.cbor to the agent, beside the older ones.
`;

const signExample = `
Example:
  $ fleetling keys sign-set keyset-2.pending.cbor --dir root-desk
  Adds the signatures of the root keys in root-desk. The folder needs the key sets before it
  (keyset-1.cbor …), so that nothing is signed that does not follow. A leaf is reserved on disk first.
  Back at the first desk the same command takes the completed file in as keyset-2.cbor.
`;

interface RotateFlags {
  dir: string;
  newRoot?: string;
  newRelease?: string;
  addRoot?: string[];
  addRelease?: string[];
  dropRoot?: string[];
  dropRelease?: string[];
  rootThreshold?: string;
  releaseThreshold?: string;
  with?: string;
  json?: boolean;
}

/** Adds `keys rotate` and `keys sign-set`. */
export function registerRotate(keys: Command): void {
  keys
    .command("rotate")
    .description("Make the next key set: keys added, kept or left out")
    .option("-d, --dir <dir>", "key folder", "keys")
    .option("--new-root <height>", "make a root key here, height 5 or 10")
    .option("--new-release <height>", "make a release key here, height 5, 10, 15 or 20")
    .option("--add-root <hex...>", "public root key made elsewhere")
    .option("--add-release <hex...>", "public release key made elsewhere")
    .option("--drop-root <kid...>", "leave a root key out")
    .option("--drop-release <kid...>", "leave a release key out: revoked")
    .option("--root-threshold <n>", "root signatures needed; default as before")
    .option("--release-threshold <n>", "release signatures needed; default as before")
    .option("--with <sequence>", "comes into force with this release; default at once")
    .option("--json", "print the result as JSON")
    .addHelpText("after", rotateExample)
    .action((flags: RotateFlags) => {
      const { dir, newRoot, newRelease } = flags;
      const root = roleChange(newRoot, flags.addRoot, flags.dropRoot, flags.rootThreshold);
      const release = roleChange(
        newRelease,
        flags.addRelease,
        flags.dropRelease,
        flags.releaseThreshold,
      );
      const withSequence = flags.with === undefined ? 0 : whole(flags.with);
      tell(rotate({ dir, root, release, withSequence }), flags.json);
    });
  keys
    .command("sign-set")
    .description("Sign a key set with the root keys of this folder")
    .argument("<file>", "keyset-N.pending.cbor of any desk; written with the signatures added")
    .option("-d, --dir <dir>", "key folder", "keys")
    .option("--json", "print the result as JSON")
    .addHelpText("after", signExample)
    .action((file: string, flags: { dir: string; json?: boolean }) => {
      tell(signSet({ dir: flags.dir, file }), flags.json);
    });
}

function roleChange(
  make: string | undefined,
  add: string[] | undefined,
  drop: string[] | undefined,
  threshold: string | undefined,
): RoleChange {
  return {
    ...(make === undefined ? {} : { make: whole(make) }),
    ...(threshold === undefined ? {} : { threshold: whole(threshold) }),
    add,
    drop,
  };
}

function tell(report: SetReport, asJson: boolean | undefined): void {
  if (asJson) {
    process.stdout.write(`${JSON.stringify(report)}\n`);
    return;
  }
  const { version, file, isComplete, made, signedBy, missingBefore, missingNext } = report;
  const lines = made.map((name) => `made ${name}.key.json`);
  lines.push(
    `key set ${version}: signed by ${signedBy.join(", ") || "nobody"}`,
    isComplete
      ? `complete: ${file}; put it beside the older ones at the agent`
      : `${missingWords(missingBefore, missingNext)}; it waits in ${file}`,
  );
  process.stdout.write(`${lines.join("\n")}\n`);
}

function whole(text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new ToolError("KEYS_INPUT", {
    ...{ object: "option", expected: "a whole number", found: text },
    next: "See fleetling keys rotate --help.",
  });
}
