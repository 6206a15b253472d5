/** More than one person signs a release, and somebody decides to go back: the command line's side. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { Code } from "../../firmware/protocol/errors.ts";
import { verifyEnvelope } from "../../firmware/protocol/host/suitVerify.ts";
import { register as registerKeys } from "../../scripts/cli/keys/command.ts";
import { ledgerOfKey } from "../../scripts/cli/keys/keyFile.ts";
import { readLedger } from "../../scripts/cli/keys/ledger.ts";
import { createKeys, readKeySet } from "../../scripts/cli/keys/store.ts";
import { register as registerRelease } from "../../scripts/cli/release/command.ts";
import { image } from "./suitFixture.ts";

let made: string;
let dir: string;
let out: string;
const at = (name: string) => join(dir, name);

/** Runs a command line and returns what it prints. */
async function run(...words: string[]): Promise<string> {
  let output = "";
  const quiet = vi.spyOn(process.stderr, "write").mockImplementation(() => true);
  const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    output += text;
    return true;
  });
  try {
    const program = new Command().exitOverride();
    registerKeys(program);
    registerRelease(program);
    await program.parseAsync(words, { from: "user" });
  } finally {
    write.mockRestore();
    quiet.mockRestore();
  }
  return output;
}

const sign = (...more: string[]) =>
  run(
    ...["release", "sign", at("build"), "--model", "sensor-1", "--vendor", "example.com"],
    ...["--sequence", "7", "--floor", "5", "--name", "1.7", "--type", "fix", "--notes", "Fixes."],
    ...["--keys", at("keys"), "--out", out],
    ...["--skip-check", "A test's image.", "--person", "Ann", ...more],
  );
const cosign = (keys: string, ...builds: string[]) =>
  run("release", "add-signature", out, ...builds, "--keys", at(keys));
const ticket = (floor: string, ...more: string[]) =>
  run(
    ...["release", "ticket", out, "--downgrade-from", floor, "--keys", at("keys")],
    ...["--person", "Ann", "--reason", "9 drains batteries.", ...more],
  );
const file = () => JSON.parse(readFileSync(out, "utf8"));
const change = (edit: (file: { images: Record<string, string>[] }) => void) => {
  const present = file();
  edit(present);
  writeFileSync(out, JSON.stringify(present));
};
const envelope = (name: "envelope" | "ticket" = "envelope") =>
  new Uint8Array(Buffer.from(file().images[0][name], "base64"));
const release = () => readKeySet(at("keys")).release;
const decisions = () => {
  const log = join(at("keys"), "decisions.log");
  if (!existsSync(log)) return [];
  return readFileSync(log, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
};
const leavesUsed = (keys: string) => readLedger(ledgerOfKey(at(keys), "release")).entries.length;

beforeAll(async () => {
  made = mkdtempSync(join(tmpdir(), "signers-"));
  dir = made;
  createKeys({ dir: at("keys"), height: 5 });
  mkdirSync(at("build"));
  writeFileSync(join(at("build"), "build.json"), JSON.stringify({ board: "puckjs" }));
  writeFileSync(join(at("build"), "image.js"), image);
  const signer = ["keys", "signer", "--dir", at("keys"), "--out", at("bob"), "--height", "5"];
  const { releaseKey } = JSON.parse(await run(...signer, "--json"));
  const both = ["--add-release", releaseKey, "--release-threshold", "2"];
  await run("keys", "rotate", "--dir", at("keys"), ...both);
  cpSync(join(at("keys"), "keyset-2.cbor"), join(at("bob"), "keyset-2.cbor"));
});
afterAll(() => rmSync(made, { recursive: true }));
beforeEach(() => {
  dir = mkdtempSync(join(made, "case-"));
  for (const name of ["keys", "bob", "build"])
    cpSync(join(made, name), at(name), { recursive: true });
  out = at("release.json");
});

describe("a release that two of two keys have to sign", () => {
  test("is signed by one person, then by another with a key folder of their own; each time the command tells who has", async () => {
    const first = JSON.parse(await sign("--json")).signatures;
    expect(first).toMatchObject({ keySetVersion: 2, threshold: 2, isComplete: false });
    expect(() => verifyEnvelope(envelope(), { release: release().keys, threshold: 2 })).toThrow(
      `expected 2 release signatures, got 1 (by key ${first.signedBy[0]})`,
    );
    const words = await cosign("bob", at("build"));
    expect(words).toMatch(/signed by 2 of the 2 keys that key set 2 asks for \([0-9a-f]{16}, /);
    const { signedBy } = verifyEnvelope(envelope(), { release: release().keys, threshold: 2 });
    expect(signedBy).toHaveLength(2);
    expect(leavesUsed("bob")).toBe(1);
  });

  test("tells the first person how many more have to sign", async () => {
    expect(await sign()).toContain("signed by 1 of the 2 keys that key set 2 asks for");
    expect(await sign()).toContain("1 more has to sign: fleetling release add-signature");
  });

  test("takes no second signature by the same key", async () => {
    await sign();
    await expect(cosign("keys")).rejects.toThrow(/^RELEASE_SIGNED: .*which has signed it/);
    await cosign("bob");
    await expect(cosign("bob")).rejects.toThrow(/^RELEASE_SIGNED: /);
    expect([leavesUsed("keys"), leavesUsed("bob")]).toEqual([1, 1]);
  });

  test("is refused by a signer where a present signature is over something else, and takes no leaf", async () => {
    await sign("--sequence", "8");
    const other = envelope();
    await sign();
    // The block of release 8 beside the manifest of release 7.
    const own = envelope();
    const block = (bytes: Uint8Array) => bytes.subarray(48, 48 + 1400);
    own.set(block(other), 48);
    change(({ images }) => {
      images[0]!.envelope = Buffer.from(own).toString("base64");
    });
    await expect(cosign("bob")).rejects.toMatchObject({ code: Code.ManifestSignature });
    expect(leavesUsed("bob")).toBe(0);
  });

  test("is refused by a signer whose own build differs, and where file and manifest do not say the same", async () => {
    await sign();
    writeFileSync(join(at("build"), "image.js"), `${image};`);
    await expect(cosign("bob", at("build"))).rejects.toThrow(/^RELEASE_DIFFERS: image for puckjs/);
    change((f) => Object.assign(f, { sequence: 6 }));
    await expect(cosign("bob")).rejects.toThrow(
      /^RELEASE_FILE: image for puckjs: expected sequence 6, as the file says, got 7 in its manifest/,
    );
    expect(leavesUsed("bob")).toBe(0);
  });

  test("is not signed by a key that the key set does not name", async () => {
    await sign();
    rmSync(join(at("bob"), "keyset-2.cbor"));
    await expect(cosign("bob")).rejects.toThrow(/^KEYS_REVOKED: .*copy a newer keyset-N\.cbor/);
  });

  test.each([
    ["is missing", () => rmSync(out), "no such file"],
    ["is cut", () => writeFileSync(out, readFileSync(out, "utf8").slice(0, 700)), "JSON"],
    [
      "has another payload",
      () => change((f) => Object.assign(f.images[0]!, { payload: "AAAA" })),
      "payload for puckjs",
    ],
    ["has a field that nobody knows", () => change((f) => Object.assign(f, { extra: 1 })), "extra"],
  ])("gives a coded error when its file %s", async (_, spoil, words) => {
    await sign();
    spoil();
    const failed = cosign("bob");
    await expect(failed).rejects.toThrow(/^RELEASE_FILE: /);
    await expect(failed).rejects.toThrow(words);
  });
});

describe("a downgrade ticket", () => {
  const trusted = () => ({ release: release().keys });

  test("is made beside the release's own envelope, which stays as it was, and the decision is logged", async () => {
    await sign();
    const plain = envelope();
    const text = await sign(
      ...["--downgrade-from", "9", "--person", "Ann", "--reason", "9 drains batteries."],
    );
    expect(text).toContain("with a downgrade ticket for devices of floor 9");
    expect(envelope()).toEqual(plain);
    const { manifestBytes: _, signedBy: __, ...own } = verifyEnvelope(plain, trusted());
    expect(verifyEnvelope(envelope("ticket"), trusted())).toMatchObject({
      ...own,
      downgradeFrom: 9,
    });
    expect(file().ticket).toEqual({ floor: 9, person: "Ann", reason: "9 drains batteries." });
    expect(decisions().filter(({ kind }) => kind === "downgradeTicket")).toMatchObject([
      {
        ...{ kind: "downgradeTicket", sequence: 7, floor: 9, person: "Ann" },
        ...{ reason: "9 drains batteries.", digests: [file().images[0].digest] },
      },
    ]);
  });

  test("is added to a release file of long ago, at the same leaf when asked again, and signed by the others too", async () => {
    await sign();
    await cosign("bob");
    await ticket("9");
    const first = envelope("ticket");
    const used = leavesUsed("keys");
    await ticket("9");
    expect([envelope("ticket"), leavesUsed("keys")]).toEqual([first, used]);
    expect(await cosign("bob")).toContain("signed by 2 of the 2 keys");
    for (const name of ["envelope", "ticket"] as const) {
      const { signedBy } = verifyEnvelope(envelope(name), { ...trusted(), threshold: 2 });
      expect(signedBy).toHaveLength(2);
    }
  });

  test.each([
    ["for the release's own floor, which would let it apply twice", ["5"], "more than 5"],
    ["for no number", ["nine"], "a whole number of 1"],
    ["without words for a reason", ["9", "--reason", " "], "--reason: expected words"],
    ["without a person", ["9", "--person", ""], "--person: expected words"],
    ["with a reason that fills a page", ["9", "--reason", "x".repeat(401)], "at most 400"],
  ])("is refused %s, and costs no leaf", async (_, words, told) => {
    await sign();
    const used = leavesUsed("keys");
    const [floor, ...more] = words;
    const failed = ticket(floor!, ...more);
    await expect(failed).rejects.toThrow(/^RELEASE_INPUT: /);
    await expect(failed).rejects.toThrow(told);
    expect([leavesUsed("keys"), decisions().length]).toEqual([used, 1]);
  });

  test("needs a reason on the command that signs, and a reason needs a ticket", async () => {
    await expect(sign("--downgrade-from", "9")).rejects.toThrow("--reason");
    await expect(sign("--reason", "x")).rejects.toThrow("--downgrade-from");
    expect(leavesUsed("keys")).toBe(0);
  });
});
