import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { Code } from "../../firmware/protocol/errors.ts";
import { productIds } from "../../firmware/protocol/host/productIds.ts";
import { leavesUsed, verifyEnvelope } from "../../firmware/protocol/host/suitVerify.ts";
import { register as registerKeys } from "../../scripts/cli/keys/command.ts";
import { readLedger } from "../../scripts/cli/keys/ledger.ts";
import {
  createKeys,
  ed25519PublicOfPem,
  readKeySet,
  showKeys,
} from "../../scripts/cli/keys/store.ts";
import { register as registerRelease } from "../../scripts/cli/release/command.ts";
import { type ReleaseInput, signRelease } from "../../scripts/cli/release/sign.ts";
import { image } from "./suitFixture.ts";
import { hex } from "./support.ts";

let directory: string;
let keysDir: string;
let input: ReleaseInput;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "keys-"));
  keysDir = join(directory, "keys");
  createKeys({ dir: keysDir, height: 5 });
  const ids = productIds("example.com", "sensor-1", "puckjs");
  input = {
    ...{ keysDir, sequence: 3, floor: 1, interpreter: ["2v25", "2v29"] },
    ...{ version: "1.0.0", type: "fix", notes: "First." },
    images: [{ board: "puckjs", ...ids, text: image }],
  };
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Runs a command line and returns what it prints; what it warns of is in `warned`. */
let warned = "";
async function run(...words: string[]): Promise<string> {
  let output = "";
  warned = "";
  const warn = vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    warned += text;
    return true;
  });
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
    warn.mockRestore();
  }
  return output;
}

describe("fleetling keys", () => {
  test("new makes keys, ledger and a key set signed by two of three roots, readable by the owner only", () => {
    const keySet = readKeySet(keysDir);
    expect(keySet.version).toBe(1);
    expect(keySet.root).toMatchObject({ threshold: 2 });
    expect(keySet.root.keys).toHaveLength(3);
    expect(hex(keySet.release.keys[0]!).slice(0, 16)).toBe("0000000a00000007");
    const agent = ed25519PublicOfPem(readFileSync(join(keysDir, "certificate.key"), "utf8"));
    expect(keySet.agent.keys).toEqual([agent]);
    expect(statSync(join(keysDir, "release.key.json")).mode & 0o77).toBe(0);
  });

  test("new refuses a folder with files and a height without type", () => {
    const refusal = (code: string) => expect.objectContaining({ code });
    expect(() => createKeys({ dir: keysDir, height: 5 })).toThrow(refusal("KEYS_EXIST"));
    const other = { dir: join(directory, "x"), height: 7 };
    expect(() => createKeys(other)).toThrow(refusal("KEYS_HEIGHT"));
  });

  test("show prints public keys and used leaves, never a secret", async () => {
    const output = await run("keys", "show", "--dir", keysDir, "--json");
    expect(JSON.parse(output)).toMatchObject({ version: 1, leaves: 32 });
    const { seed } = JSON.parse(readFileSync(join(keysDir, "release.key.json"), "utf8"));
    expect(output).not.toContain(seed);
    const text = await run("keys", "show", "--dir", keysDir);
    expect(text).toMatch(/^key set version 1\nroot: 2 of 3\n/);
    await expect(run("keys", "show", "--dir", directory)).rejects.toThrow(/^KEYS_MISSING: /);
  });

  test("a damaged secret or a tree of another key is noticed", () => {
    const path = join(keysDir, "release.key.json");
    const text = readFileSync(path, "utf8");
    const { seed } = JSON.parse(text);
    for (const bad of [text.replace(seed, "00".repeat(24)), text.replace(seed, "00"), "{"]) {
      writeFileSync(path, bad);
      expect(() => signRelease(input)).toThrow(expect.objectContaining({ code: "KEYS_DAMAGED" }));
    }
    writeFileSync(path, text);
  });
});

describe("fleetling release sign", () => {
  const trusted = () => ({ release: readKeySet(keysDir).release.keys });

  test("an image is signed at a new leaf, and the same input gives the same bytes at the same leaf", () => {
    const first = signRelease(input);
    const used = showKeys(keysDir).ledger.entries.length;
    const verified = verifyEnvelope(first.images[0]!.envelope, trusted());
    expect(verified).toMatchObject({ sequence: 3, floor: 1, sizeBytes: image.length });
    expect(signRelease(input).images[0]).toEqual(first.images[0]);
    expect(showKeys(keysDir).ledger.entries.length).toBe(used);
    const { entries } = readLedger({
      ...{ path: join(keysDir, "release"), leaves: 32 },
      publicKey: hex(trusted().release[0]!),
    });
    const { leaf, digest } = leavesUsed(first.images[0]!.envelope)[0]!;
    expect(entries[leaf]).toMatchObject({ leaf, digest });
    const next = signRelease({ ...input, sequence: 4 });
    expect(next.images[0]!.leaf).toBe(first.images[0]!.leaf + 1);
  });

  test("an author's mistake costs no leaf", () => {
    const used = showKeys(keysDir).ledger.entries.length;
    expect(() => signRelease({ ...input, floor: 9 })).toThrow(
      expect.objectContaining({ code: Code.FloorAboveSequence }),
    );
    expect(() => signRelease({ ...input, notes: "x".repeat(5000) })).toThrow(
      expect.objectContaining({ code: Code.ManifestTooLarge }),
    );
    expect(showKeys(keysDir).ledger.entries.length).toBe(used);
  });

  describe("as a command", () => {
    let out: string;
    let words: string[];
    let rest: string[];
    beforeAll(() => {
      const build = join(directory, "build");
      mkdirSync(build);
      writeFileSync(join(build, "build.json"), JSON.stringify({ board: "puckjs" }));
      writeFileSync(join(build, "image.js"), image);
      writeFileSync(join(build, "names.json"), JSON.stringify({ names: {}, locals: {} }));
      out = join(directory, "release.json");
      words = ["release", "sign", build, "--model", "sensor-1", "--vendor", "example.com"];
      rest = ["--sequence", "8", "--name", "2.0", "--keys", keysDir, "--out", out];
      rest.push("--skip-check", "A test's image.", "--person", "Ann");
    });
    const told = ["--type", "fix", "--notes", "First."];
    const life = ["--support-until", "2031-12-31", "--end-of-life", "2033-12-31"];
    const envelopeOf = (path: string) =>
      new Uint8Array(
        Buffer.from(JSON.parse(readFileSync(path, "utf8")).images[0].envelope, "base64"),
      );

    test("it reads build folders and writes the file that is published", async () => {
      expect(await run(...words, ...rest, ...told)).toMatch(
        /^puckjs: 34 B, envelope \d+ B, leaf \d+, /,
      );
      const file = JSON.parse(readFileSync(out, "utf8"));
      expect(file).toMatchObject({ sequence: 8, version: "2.0", type: "fix", notes: "First." });
      expect(file.images[0].classId).toBe(hex(input.images[0]!.classId));
      expect(hex(verifyEnvelope(envelopeOf(out), trusted()).digest)).toBe(file.images[0].digest);
      for (const [word, value] of [
        ["--type", "big"],
        ["--notes", ""],
        ["--notes", " \n"],
        ["--interpreter", "2v25"],
        ["--interpreter", "old..new"],
        ["--sequence", "x"],
        ["--sequence", "0"],
        ["--sequence", "4294967296"],
        ["--trial-minutes", "0"],
        ["--battery-mv", "65536"],
        ["--name", ""],
        ["--support-until", "2031-02-30"],
        ["--end-of-life", "soon"],
      ]) {
        await expect(run(...words, ...rest, ...told, word!, value!)).rejects.toThrow(
          /^RELEASE_INPUT: /,
        );
      }
      const empty = words.with(2, directory);
      await expect(run(...empty, ...rest, ...told)).rejects.toThrow(/^RELEASE_INPUT: /);
    });

    test.each([
      ["--type", ["--notes", "x"]],
      ["--notes", ["--type", "fix"]],
    ])("it takes no leaf for a release without %s", async (flag, given) => {
      const used = showKeys(keysDir).ledger.entries.length;
      await expect(run(...words, ...rest, ...given)).rejects.toThrow(`required option '${flag} <`);
      expect(showKeys(keysDir).ledger.entries.length).toBe(used);
    });

    test("it warns of each day and text that owners are not told, in words and as JSON", async () => {
      await run(...words, ...rest, ...told);
      expect(warned.split("\n")).toEqual([
        "Warning: the release does not say until when it is supported: give --support-until",
        "Warning: the release does not say when its life ends: give --end-of-life",
        "Warning: the release does not say how the product is disposed of: give --disposal",
        "",
      ]);
      const one = JSON.parse(await run(...words, ...rest, ...told, ...life, "--json"));
      expect([one.warnings, warned]).toEqual([
        ["the release does not say how the product is disposed of: give --disposal"],
        "",
      ]);
      const all = [...life, "--disposal", "Electronic waste."];
      const none = JSON.parse(await run(...words, ...rest, ...told, ...all, "--json"));
      expect(none.warnings).toEqual([]);
    });

    test("it signs limits of vitals, both ends of one", async () => {
      const limits = ["--limit", "batteryMv>=2100", "--limit", "temperatureDeciC>=-100"];
      await run(...words, ...rest, ...told, ...limits, "--limit", "batteryMv<=3600");
      expect(verifyEnvelope(envelopeOf(out), trusted()).limits).toEqual({
        1: [2100, 3600],
        5: [-100, null],
      });
    });

    test.each([
      ["batteryMv>2100", 'expected a limit such as "batteryMv>=2100"'],
      ["voltage>=2100", "expected one of batteryMv, memoryUsedPermille, "],
      ["batteryMv>=2.1", "expected a limit such as"],
      ["batteryMv<=2000", "expected least at most greatest of batteryMv, got 2100 and 2000"],
      ["batteryMv>=2000", "expected one limit >= of batteryMv, got two"],
    ])("it refuses the limit %s beside a lower one of 2100", async (limit, text) => {
      const given = ["--limit", "batteryMv>=2100", "--limit", limit];
      const sign = run(...words, ...rest, ...told, ...given);
      await expect(sign).rejects.toThrow(`RELEASE_INPUT: --limit ${limit}: ${text}`);
    });
  });
});
