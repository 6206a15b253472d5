/** The signer is killed with SIGKILL before every single file operation, in the middle of every write, and at random
 *  moments. Every signature that came out is looked at: no leaf has two messages. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { lmsVerify } from "../../firmware/protocol/host/lms/index.ts";
import { createKeys, showKeys } from "../../scripts/cli/keys/store.ts";
import { seededRandom } from "../../scripts/sim/random.ts";

interface Signature {
  message: string;
  leaf: number;
  signature: string;
}

const root = fileURLToPath(new URL("../..", import.meta.url));
let directory: string;
let program: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "signer-"));
  // Beside node_modules' packages, because the lock's native one is not bundled.
  program = join(directory, "signer.cjs");
  await build({
    entryPoints: [join(root, "test/support/signerChild.ts")],
    ...{ bundle: true, platform: "node", format: "cjs", outfile: program, logLevel: "silent" },
    alias: { "better-sqlite3": join(root, "node_modules/better-sqlite3") },
    external: [join(root, "node_modules/*")],
  });
});
afterAll(() => rmSync(directory, { recursive: true }));

/** When a running signer is killed: so many signatures after its start, and so long after the last of them. */
interface Moment {
  afterSignatures: number;
  delayMs: number;
}

/** Runs a signer. @returns what it said, and whether it was killed. Rejects with its error output */
function run(args: (string | number)[], moment?: Moment) {
  type Played = { signed: Signature[]; operations: string[]; wasKilled: boolean };
  return new Promise<Played>((done, fail) => {
    const child = spawn(process.execPath, [program, ...args.map(String)]);
    let output = "";
    let errors = "";
    let isDoomed = false;
    child.stdout.on("data", (chunk) => {
      output += chunk;
      if (moment === undefined || isDoomed) return;
      if (output.split("\n").length <= moment.afterSignatures) return;
      isDoomed = true;
      setTimeout(() => child.kill("SIGKILL"), moment.delayMs);
    });
    child.stderr.on("data", (chunk) => (errors += chunk));
    child.on("close", (_code, signal) => {
      if (errors !== "") return fail(new Error(errors));
      const lines = output
        .slice(0, output.lastIndexOf("\n") + 1)
        .split("\n")
        .slice(0, -1);
      const said = lines.map((line) => JSON.parse(line));
      const signed = said.filter((line) => line.message !== undefined);
      const operations = said.find((line) => line.operations !== undefined)?.operations ?? [];
      done({ signed, operations, wasKilled: signal === "SIGKILL" });
    });
  });
}

function newKeys(name: string): string {
  const dir = join(directory, name);
  createKeys({ dir, height: 10 });
  return dir;
}

/** Checks every signature ever made, and that the ledger tells the same. */
function expectNoLeafTwice(dir: string, signed: Signature[]): void {
  const { releaseKey, ledger } = showKeys(dir);
  const messages = new Map<number, string>();
  for (const { message, leaf, signature } of signed) {
    expect(messages.get(leaf) ?? message).toBe(message);
    messages.set(leaf, message);
    const bytes = new Uint8Array(Buffer.from(signature, "base64"));
    expect(lmsVerify(releaseKey, new Uint8Array(Buffer.from(message)), bytes)).toBe(true);
  }
  const leaves = ledger.entries.map((entry) => entry.leaf);
  expect(new Set(leaves).size).toBe(leaves.length);
  for (const leaf of messages.keys()) expect(leaves).toContain(leaf);
}

describe("a signer that is killed", () => {
  it("before any of its file operations, or in the middle of a write, never signs two messages with a leaf", async () => {
    const whole = await run([newKeys("whole"), "one", -1, "512-516"]);
    const cuts = whole.operations.flatMap((name, at) =>
      name === "writeSync" ? [at, at + 0.5] : [at],
    );
    expect(cuts.length).toBeGreaterThan(25);
    const play = async (dir: string, own: number[]) => {
      const signed: Signature[] = [];
      let kills = 0;
      let from = 512;
      for (const cut of own) {
        const played = await run([dir, `${cut} a,${cut} b`, cut, `${from}-${from + 4}`]);
        if (played.wasKilled) kills++;
        signed.push(...played.signed);
        from += 4;
      }
      const last = await run([dir, own.map((cut) => `${cut} a,${cut} b`).join(), -1]);
      signed.push(...last.signed);
      expect(last.signed).toHaveLength(2 * own.length);
      expectNoLeafTwice(dir, signed);
      return kills;
    };
    const half = cuts.length >> 1;
    const kills = await Promise.all([
      play(newKeys("steps-1"), cuts.slice(0, half)),
      play(newKeys("steps-2"), cuts.slice(half)),
    ]);
    expect(kills[0]! + kills[1]!).toBe(cuts.length);
  });

  it("at random moments, while a second one signs, never signs two messages with a leaf", async () => {
    const dir = newKeys("moments");
    const random = seededRandom("kill moments");
    const signed: Signature[] = [];
    let kills = 0;
    // Eight rounds of two signers with 60 messages each stay within the 1,024 leaves, however fast the machine signs.
    for (let round = 0; round < 8; round++) {
      const both = await Promise.all(
        ["a", "b"].map((name) => {
          const messages = Array.from({ length: 60 }, (_, i) => `${name} ${round} ${i}`);
          const moment = { afterSignatures: 1 + Math.floor(random() * 20), delayMs: random() * 20 };
          return run([dir, messages.join(), -1, "", "wait"], moment);
        }),
      );
      for (const { signed: some, wasKilled } of both) {
        signed.push(...some);
        if (wasKilled) kills++;
      }
    }
    expect(kills).toBe(16);
    expect(signed.length).toBeGreaterThan(16);
    expectNoLeafTwice(dir, signed);
  });
});
