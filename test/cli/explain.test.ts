/** Wrong input of any kind gives a code, what was expected, what was found and what to do: never a stack. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { explained } from "../../scripts/cli/explain.ts";
import { createKeys } from "../../scripts/cli/keys/store.ts";
import { run } from "../../scripts/cli/main.ts";

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "explain-"));
  createKeys({ dir: join(dir, "keys"), height: 5 });
  createKeys({ dir: join(dir, "cut"), height: 5 });
  writeFileSync(join(dir, "cut", "keyset-1.cbor"), Uint8Array.of(0x82, 0x58));
  mkdirSync(join(dir, "build"));
  writeFileSync(join(dir, "build", "build.json"), '{"board": "puckjs"');
  writeFileSync(join(dir, "build", "image.js"), "[1,2]");
  writeFileSync(join(dir, "release.json"), '{"sequence": 7, "images": [');
  writeFileSync(join(dir, "file"), "");
});
afterAll(() => rmSync(dir, { recursive: true }));

/** Runs a command line in this process; paths in it are from the folder. */
async function fleetling(line: string) {
  const told = { out: "", err: "" };
  const spies = (["stdout", "stderr"] as const).map((stream) =>
    vi.spyOn(process[stream], "write").mockImplementation((text) => {
      told[stream === "stdout" ? "out" : "err"] += text;
      return true;
    }),
  );
  const words = line
    .split(" ")
    .map((word) => (word.startsWith("@") ? join(dir, word.slice(1)) : word));
  try {
    return { code: await run(words), ...told, err: told.err.replaceAll(`${dir}/`, "") };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
const sign = "--model m --vendor example.com --sequence 2 --name 1 --type fix --notes x";

describe("fleetling with wrong input", () => {
  it.each([
    ["build app.ts", /^COMMAND_LINE: required option '-b, --board <id>' not specified\nTry --help/],
    ["build app.ts --board puckjs --out o --jsn", /^COMMAND_LINE: unknown option '--jsn'/],
    ["keys shine", /^COMMAND_LINE: unknown command 'shine'/],
    [
      "keys show --dir @nowhere",
      /^KEYS_MISSING: nowhere\/release\.key\.json: expected a key folder, got no such file\. Make one/,
    ],
    ["keys show --dir @cut", /^KeySetMalformed \(\d+\): .+\. \w.+\.\n$/],
    [
      "keys new --dir @file/keys --height 5",
      /^FILE_ACCESS: file\/keys: expected to mkdir it, got ENOTDIR\. Check the path/,
    ],
    ["keys sign-set @nothing.cbor --dir @keys", /^KEYS_INPUT: nothing\.cbor: expected a key set/],
    [
      `release sign @nowhere ${sign} --keys @keys`,
      /^RELEASE_INPUT: nowhere: expected build\.json and image\.js, got no nowhere/,
    ],
    [
      `release sign @build ${sign} --keys @keys`,
      /^RELEASE_INPUT: build\/build\.json: expected the report of a build, got .*JSON.*\. Build it again/,
    ],
    [
      "release add-signature @release.json --keys @keys",
      /^RELEASE_FILE: release\.json: expected a file that fleetling release sign wrote, got .*JSON/,
    ],
    [
      "release ticket @nowhere.json --downgrade-from 9 --person A --reason B",
      /^RELEASE_FILE: nowhere\.json: .*ENOENT/,
    ],
  ])(
    "%s",
    async (line, words) => {
      const told = await fleetling(line);
      expect(told.err).toMatch(words);
      expect(told.err).not.toMatch(/^ {4}at /m);
      expect([told.code, told.out]).toEqual([1, ""]);
    },
    60_000,
  );

  it("shows the stack of what is no error of the world", () => {
    expect(explained(new TypeError("undefined is not a function"))).toBeNull();
    expect(explained("text")).toBeNull();
  });
});
