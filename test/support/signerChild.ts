/** A signer in a process of its own, to be killed. Arguments: key folder, messages with commas between, the
 *  file operation before which it kills itself (-1: never; a half: the operation is a write and half of it is done),
 *  leaves for its ledger or nothing, "wait" to stay until it is killed.
 *  Tells each signature on standard output, and at its end its operations. */
import fs from "node:fs";
import { openKeyFile } from "../../scripts/cli/keys/keyFile.ts";
import { addRange } from "../../scripts/cli/keys/ledger.ts";
import { ledgerOf } from "../../scripts/cli/keys/store.ts";

const [dir, messages, cutText, rangeText, atEnd] = process.argv.slice(2) as string[];
const cut = Number(cutText);
const operations: string[] = [];
const die = () => process.kill(process.pid, "SIGKILL");

type Operation = (...args: never[]) => unknown;
const table = fs as unknown as Record<string, Operation>;
for (const name of ["openSync", "writeSync", "fsyncSync", "closeSync", "renameSync"]) {
  const real = table[name]!;
  table[name] = (...args) => {
    if (operations.length === cut) die();
    if (name === "writeSync" && operations.length + 0.5 === cut) {
      const [file, bytes] = args as unknown as [number, Buffer];
      fs.writeFileSync(file, bytes.subarray(0, bytes.length >> 1));
      die();
    }
    operations.push(name);
    return real(...args);
  };
}
const say = (value: object) => fs.writeFileSync(1, `${JSON.stringify(value)}\n`);

if (rangeText) {
  const [from, to] = rangeText.split("-").map(Number);
  addRange(ledgerOf(dir!), { from: from!, to: to! });
}
const signer = openKeyFile(dir!, "release");
const waiting = messages!.split(",");
while (waiting.length > 0) {
  const message = waiting[0]!;
  try {
    const signature = signer.sign(Buffer.from(message));
    const { leaf } = signer.reservations.at(-1)!;
    say({ message, leaf, signature: Buffer.from(signature).toString("base64") });
    waiting.shift();
  } catch (error) {
    // Another signer holds the folder: this one tries again.
    if ((error as { code?: string }).code !== "LEDGER_LOCKED") throw error;
  }
}
say({ operations });
if (atEnd === "wait") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
