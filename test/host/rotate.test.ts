/** The next key set: made, signed at more than one desk, and what releases are signed by from then on. */
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { kidOf } from "../../firmware/protocol/host/keyset.ts";
import { productIds } from "../../firmware/protocol/host/productIds.ts";
import { register } from "../../scripts/cli/keys/command.ts";
import { ledgerOfKey } from "../../scripts/cli/keys/keyFile.ts";
import { readLedger } from "../../scripts/cli/keys/ledger.ts";
import { rotate, signSet } from "../../scripts/cli/keys/rotate.ts";
import { createKeys, readKeySets } from "../../scripts/cli/keys/store.ts";
import { signRelease } from "../../scripts/cli/release/sign.ts";
import { image } from "./suitFixture.ts";
import { hex } from "./support.ts";

let made: string;
let directory: string;
let dir: string;
beforeAll(() => {
  made = mkdtempSync(join(tmpdir(), "rotate-"));
  createKeys({ dir: join(made, "keys"), height: 5 });
});
afterAll(() => rmSync(made, { recursive: true }));
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rotate-"));
  dir = join(directory, "keys");
  cpSync(join(made, "keys"), dir, { recursive: true });
});
afterEach(() => rmSync(directory, { recursive: true }));

const releaseKid = () => kidOf(readKeySets(dir).at(-1)!.release.keys[0]!);
/** Moves a key to another desk, which has the key sets too. */
function moveRoot(name: string, desk: string): string {
  const out = join(directory, desk);
  mkdirSync(out, { recursive: true });
  copyFileSync(join(dir, "keyset-1.cbor"), join(out, "keyset-1.cbor"));
  for (const ending of ["key.json", "tree", "ledger", "mark"]) {
    copyFileSync(join(dir, `${name}.${ending}`), join(out, `${name}.${ending}`));
    rmSync(join(dir, `${name}.${ending}`));
  }
  return out;
}
const sign = (sequence: number) =>
  signRelease({
    ...{ keysDir: dir, sequence, floor: 1, version: `1.${sequence}`, notes: "x", type: "fix" },
    interpreter: ["2v25", "2v29"],
    images: [{ board: "puckjs", ...productIds("example.com", "sensor-1", "puckjs"), text: image }],
  });
const usedLeaves = (name: string) => readLedger(ledgerOfKey(dir, name)).entries.length;
const refusal = (code: string) => expect.objectContaining({ code });

describe("fleetling keys rotate", () => {
  test("replaces a release key at once: the next release is signed by the new one", () => {
    const old = releaseKid();
    const report = rotate({ dir, release: { make: 5, drop: [old] } });
    expect(report).toMatchObject({ version: 2, isComplete: true, made: ["release-2"] });
    expect(report.signedBy).toHaveLength(3);
    const [first, second] = readKeySets(dir);
    expect(second!.previousRoot).toEqual(first!.root);
    expect(releaseKid()).not.toBe(old);
    expect(sign(4).images[0]!.leaf).toBe(0);
    expect(usedLeaves("release-2")).toBe(1);
    expect(usedLeaves("release")).toBe(0);
  });

  test("with a release to wait for, that one is signed by the keys before and the next by the new", () => {
    rotate({ dir, release: { make: 5, drop: [releaseKid()] }, withSequence: 7 });
    sign(7);
    expect([usedLeaves("release"), usedLeaves("release-2")]).toEqual([1, 0]);
    sign(8);
    expect([usedLeaves("release"), usedLeaves("release-2")]).toEqual([1, 1]);
  });

  test("reserves a leaf of each root key before it signs, and another set takes another leaf", () => {
    expect(usedLeaves("root-3")).toBe(0);
    rotate({ dir, release: { make: 5 } });
    expect(usedLeaves("root-3")).toBe(1);
    rotate({ dir, release: { make: 5 } });
    expect(["root-1", "root-3"].map(usedLeaves)).toEqual([3, 2]);
    expect(readKeySets(dir).map(({ version }) => version)).toEqual([1, 2, 3]);
  });

  test("says what is missing, and a second desk completes it", () => {
    const desk = moveRoot("root-3", "desk");
    const away = moveRoot("root-2", "away");
    const report = rotate({ dir, root: { make: 5, drop: [rootKid(0)] } });
    expect(report).toMatchObject({ isComplete: false, missingBefore: 1, missingNext: 1 });
    expect(readKeySets(dir)).toHaveLength(1);
    const file = join(directory, "on-a-stick.cbor");
    copyFileSync(report.file, file);
    const second = signSet({ dir: desk, file });
    expect(second).toMatchObject({ isComplete: true, missingBefore: 0, missingNext: 0 });
    expect(signSet({ dir, file })).toMatchObject({ isComplete: true });
    expect(existsSync(report.file)).toBe(false);
    expect(readKeySets(dir).at(-1)!.version).toBe(2);
    expect(() => signSet({ dir, file })).toThrow(refusal("KEYS_INPUT"));
    expect(signSet({ dir: away, file }).signedBy).toHaveLength(4);
  });
  const rootKid = (index: number) => kidOf(readKeySets(dir)[0]!.root.keys[index]!);

  test.each<[string, () => unknown, string]>([
    [
      "a key that the set does not have",
      () => rotate({ dir, release: { drop: ["00"] } }),
      "KEYS_INPUT",
    ],
    ["no release key", () => rotate({ dir, release: { drop: [releaseKid()] } }), "KEYS_INPUT"],
    ["a threshold above its keys", () => rotate({ dir, release: { threshold: 2 } }), "KEYS_INPUT"],
    ["a root key too tall for devices", () => rotate({ dir, root: { make: 15 } }), "KEYS_HEIGHT"],
    ["a key that is none", () => rotate({ dir, release: { add: ["ab"] } }), "KEYS_INPUT"],
    ["no file", () => signSet({ dir, file: join(dir, "none") }), "KEYS_INPUT"],
    [
      "a set that is there already",
      () => signSet({ dir, file: join(dir, "keyset-1.cbor") }),
      "KEYS_INPUT",
    ],
  ])("%s is refused by code, and nothing is made", (_name, run, code) => {
    expect(run).toThrow(refusal(code));
    expect(readKeySets(dir)).toHaveLength(1);
    expect(existsSync(join(dir, "release-2.key.json"))).toBe(false);
    expect(usedLeaves("root-3")).toBe(0);
  });

  test("a folder without a key of the set signs no release", () => {
    const old = releaseKid();
    const other = hex(readKeySets(dir)[0]!.release.keys[0]!).replace(/..$/, "00");
    rotate({ dir, release: { add: [other], drop: [old] } });
    expect(() => sign(4)).toThrow(refusal("KEYS_REVOKED"));
  });

  test("the command tells what was made and signed, for people and as JSON", async () => {
    let output = "";
    const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      output += text;
      return true;
    });
    const run = async (...words: string[]) => {
      output = "";
      const program = new Command().exitOverride();
      register(program);
      await program.parseAsync(["keys", ...words, "--dir", dir], { from: "user" });
      return output;
    };
    try {
      const text = await run("rotate", "--new-release", "5", "--with", "9");
      expect(text).toMatch(/^made release-2\.key\.json\nkey set 2: signed by .*\ncomplete: /);
      const json = JSON.parse(await run("rotate", "--release-threshold", "2", "--json"));
      expect(json).toMatchObject({ version: 3, isComplete: true, made: [] });
      await expect(run("rotate", "--with", "x")).rejects.toThrow(/^KEYS_INPUT: /);
    } finally {
      write.mockRestore();
    }
    expect(readKeySets(dir).at(-1)!.release.threshold).toBe(2);
    expect(readFileSync(join(dir, "keyset-3.cbor")).length).toBeLessThan(6000);
  });
});
