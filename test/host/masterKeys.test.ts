import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { masterKeyCheck, openMasterKeys } from "../../cloud-agent/platform/masterKeys.ts";
import { combineShares, makeShares, parseShare } from "../../scripts/cli/km/shares.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "fleetling-km-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const random = { bytes: (n: number) => new Uint8Array(n).fill(7) };
const open = (changes: Partial<Parameters<typeof openMasterKeys>[0]> = {}) =>
  openMasterKeys(
    {
      ...{ dataDir: dir, activeId: 1, kmHex: undefined, otherIds: [], command: undefined },
      ...{ dataIsNew: false, ...changes },
    },
    random,
  );
const file = (name: string, byte: string) => writeFileSync(join(dir, name), `${byte.repeat(32)}\n`);
const program = (text: string) => {
  const path = join(dir, "kms.sh");
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o700);
  return path;
};

describe("master keys", () => {
  it("are made once, for an empty database, and read from then on", async () => {
    const made = await open({ dataIsNew: true });
    expect(made.ids).toEqual([1]);
    expect(readFileSync(join(dir, "km.key"), "utf8")).toBe(`${"07".repeat(32)}\n`);
    expect((await open()).get(1)).toEqual(new Uint8Array(32).fill(7));
  });
  it("live side by side: every file of the data folder, and the setting for the active one", async () => {
    file("km.key", "11");
    file("km-2.key", "22");
    const keys = await open({ activeId: 3, kmHex: "33".repeat(32) });
    expect(keys.ids).toEqual([1, 2, 3]);
    expect(keys.get(2)).toEqual(new Uint8Array(32).fill(0x22));
    expect(keys.get(4)).toBeNull();
  });
  it("come from a command that is asked for each id", async () => {
    const command = program('printf "%02d" $1 | sed "s/.*/&&&&&&&&/;s/.*/&&&&/"');
    const keys = await open({ activeId: 2, otherIds: [1], command });
    expect([keys.get(1), keys.get(2)]).toEqual([
      new Uint8Array(32).fill(0x01),
      new Uint8Array(32).fill(0x02),
    ]);
  });
  it.each([
    [
      "a command that fails",
      'echo "secret-output"; exit 3',
      "expected a key on standard output, got exit 3",
    ],
    ["a command that prints no key", "echo hello", "expected 64 hex digits, got 5 characters"],
  ])("refuse %s, without quoting what it printed", async (_name, text, message) => {
    const error = await open({ command: program(text) }).catch((e: Error) => e);
    expect(error).toMatchObject({ name: "KeyFileInvalid" });
    expect((error as Error).message).toContain(message);
    expect((error as Error).message).not.toContain("secret-output");
  });
  it("refuse an old database without its key, and one whose other key is missing", async () => {
    await expect(open()).rejects.toMatchObject({ name: "KeyFileInvalid" });
    file("km.key", "11");
    await expect(open({ otherIds: [2] })).rejects.toThrow(
      `master keys 2: expected as files in ${dir}, got none`,
    );
    expect(existsSync(join(dir, "km-2.key"))).toBe(false);
  });
});

describe("shares of a master key", () => {
  it("give the key back by any threshold of them, and never by fewer", async () => {
    const shape = fc
      .record({
        key: fc.uint8Array({ minLength: 32, maxLength: 32 }),
        of: fc.integer({ min: 2, max: 8 }),
      })
      .chain(({ key, of }) =>
        fc.record({
          ...{ key: fc.constant(key), of: fc.constant(of) },
          threshold: fc.integer({ min: 2, max: of }),
          order: fc.shuffledSubarray([...Array(of).keys()], { minLength: of, maxLength: of }),
        }),
      );
    await fc.assert(
      fc.asyncProperty(shape, async ({ key, of, threshold, order }) => {
        const shares = await makeShares(key, 9, { threshold, of });
        const some = order.slice(0, threshold).map((at) => shares[at]!);
        expect(await combineShares(some)).toEqual({ kmId: 9, key });
        await expect(combineShares(some.slice(1))).rejects.toMatchObject({ code: "KM_SHARES" });
      }),
      { numRuns: 40 },
    );
  });
  it("find a changed character, a foreign share and the same share twice", async () => {
    const key = new Uint8Array(32).fill(5);
    const first = await makeShares(key, 1, { threshold: 2, of: 3 });
    const second = await makeShares(key, 1, { threshold: 2, of: 3 });
    const text = JSON.stringify(first[0]);
    expect(parseShare(text, "x")).toEqual(first[0]);
    const digit = first[0]!.data[9]!;
    const changed = {
      ...first[0]!,
      data: first[0]!.data.replace(digit, digit === "0" ? "1" : "0"),
    };
    expect(() => parseShare(JSON.stringify(changed), "x")).toThrow(
      "KM_SHARES: x: expected checksum",
    );
    expect(() => parseShare("{}", "x")).toThrow("KM_SHARES: x: expected a share file");
    expect(() => parseShare("nonsense", "x")).toThrow("got no JSON");
    await expect(combineShares([first[0]!, second[1]!])).rejects.toThrow("expected all of backup");
    await expect(combineShares([first[0]!, first[0]!])).rejects.toThrow("2 different ones, got 1");
    await expect(combineShares([])).rejects.toThrow("2 different ones, got 0");
  });
  it.each([
    [1, 3],
    [4, 3],
    [2, 21],
  ])("are not made with threshold %i of %i", async (threshold, of) => {
    await expect(makeShares(new Uint8Array(32), 1, { threshold, of })).rejects.toMatchObject({
      code: "KM_SHARES",
    });
  });
});

describe("fleetling km", () => {
  const run = (...words: string[]) => {
    const bin = new URL("../../scripts/cli/bin.mjs", import.meta.url).pathname;
    return spawnSync(process.execPath, [bin, "km", ...words], { cwd: dir, encoding: "utf8" });
  };
  it("backs a key up in shares, and restores the very same one", () => {
    file("km-2.key", "ab");
    const made = run("backup", "--data", ".", "--id", "2", "--json");
    const { files, check } = JSON.parse(made.stdout);
    expect(files).toHaveLength(5);
    expect(check).toBe(masterKeyCheck(new Uint8Array(32).fill(0xab)));
    expect(run("restore", files[4], files[1], files[2], "--data", "again").stdout).toBe(
      "restored again/km-2.key\n",
    );
    expect(readFileSync(join(dir, "again", "km-2.key"), "utf8")).toBe(`${"ab".repeat(32)}\n`);
  }, 30_000);
  it("never replaces a key, and says what is missing", () => {
    file("km-2.key", "ab");
    const twice = run("new", "--id", "2", "--data", ".");
    expect([twice.status, twice.stderr]).toEqual([
      1,
      "KM_EXISTS: km-2.key: expected no file, got one. Move it away if it is not needed any more.\n",
    ]);
    expect(run("backup", "--id", "7").stderr).toContain(
      "KM_MISSING: data/km-7.key: expected a file",
    );
    expect(run("new", "--id", "x").stderr).toContain("KM_INPUT: --id: expected a whole number");
    expect(execFileSync("ls", [dir], { encoding: "utf8" })).toBe("km-2.key\n");
  }, 30_000);
});
