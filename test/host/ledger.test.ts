import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  createLedger,
  type LedgerOptions,
  readLedger,
  reserveLeaf,
} from "../../scripts/cli/keys/ledger.ts";

const digest = (number: number) => number.toString(16).padStart(64, "0");
let directory: string;
let options: LedgerOptions;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ledger-"));
  const path = join(directory, "release");
  options = { path, publicKey: "ab", leaves: 20, now: () => "2026-01-01T00:00:00.000Z" };
  createLedger(options);
});
afterEach(() => rmSync(directory, { recursive: true }));

const reserve = (number: number) => reserveLeaf(options, digest(number));
const refusal = (code: string) => expect.objectContaining({ code });

describe("leaf ledger", () => {
  test("every new digest gets the next leaf, and a repeated digest its old one", () => {
    expect([reserve(1), reserve(2)].map(({ leaf, isRepeat }) => [leaf, isRepeat])).toEqual([
      [0, false],
      [1, false],
    ]);
    expect(reserve(1)).toEqual({ leaf: 0, isRepeat: true, leavesLeft: 8, warning: null });
    expect(readLedger(options).entries.map((entry) => entry.leaf)).toEqual([0, 1]);
  });

  test("from 80 % used on it warns, and after the last leaf it refuses", () => {
    for (let i = 1; i <= 7; i++) expect(reserve(i).warning).toBeNull();
    expect(reserve(8).warning).toMatch(
      /^8 of the 10 leaves of this desk are used: lease more with fleetling keys lease/,
    );
    reserve(9);
    expect(reserve(10).leavesLeft).toBe(0);
    expect(() => reserve(11)).toThrow(refusal("LEDGER_EXHAUSTED"));
    expect(reserve(10).isRepeat).toBe(true);
  });

  test.each(["locked", "appended", "marked"] as const)(
    "a cut after it %s never gives one leaf to two digests",
    (cut) => {
      reserve(1);
      const cutting = (step: string) => {
        if (step === cut) throw new Error("cut");
      };
      expect(() => reserveLeaf({ ...options, onStep: cutting }, digest(2))).toThrow("cut");
      const third = reserve(3).leaf;
      const second = reserve(2).leaf;
      expect(new Set([0, second, third]).size).toBe(3);
    },
  );

  test("a line torn at any byte is dropped, and its leaf goes to one digest only", () => {
    reserve(1);
    const mark = readFileSync(`${options.path}.mark`);
    const before = readFileSync(`${options.path}.ledger`);
    reserve(2);
    const after = readFileSync(`${options.path}.ledger`);
    for (let length = before.length; length < after.length; length += 9) {
      writeFileSync(`${options.path}.ledger`, after.subarray(0, length));
      writeFileSync(`${options.path}.mark`, mark);
      expect(reserve(3).leaf).toBe(1);
      expect(readLedger(options).entries.map((entry) => entry.digest)).toEqual([
        digest(1),
        digest(3),
      ]);
    }
  });

  test("an older copy of the ledger is refused", () => {
    reserve(1);
    copyFileSync(`${options.path}.ledger`, join(directory, "old"));
    reserve(2);
    copyFileSync(join(directory, "old"), `${options.path}.ledger`);
    expect(() => reserve(3)).toThrow(refusal("LEDGER_WENT_BACKWARDS"));
    rmSync(`${options.path}.ledger`);
    expect(() => reserve(3)).toThrow(refusal("LEDGER_WENT_BACKWARDS"));
  });

  test("a ledger of the same length with other leaves, or of another key, is refused", () => {
    reserve(1);
    const mark = readFileSync(`${options.path}.mark`);
    rmSync(`${options.path}.ledger`);
    rmSync(`${options.path}.mark`);
    createLedger(options);
    reserve(2);
    writeFileSync(`${options.path}.mark`, mark);
    expect(() => reserve(3)).toThrow(refusal("LEDGER_WENT_BACKWARDS"));
    expect(() => readLedger({ ...options, publicKey: "cd" })).toThrow(refusal("LEDGER_DAMAGED"));
  });

  test("a leaf that stands with two digests is refused", () => {
    reserve(1);
    const line = readFileSync(`${options.path}.ledger`, "utf8");
    appendFileSync(`${options.path}.ledger`, line.replace(digest(1), digest(2)));
    expect(() => reserve(3)).toThrow(refusal("LEDGER_LEAF_TWICE"));
  });

  test("an edited line or a broken mark is refused", () => {
    reserve(1);
    const line = readFileSync(`${options.path}.ledger`, "utf8");
    writeFileSync(`${options.path}.ledger`, line.replace("2026", "2027"));
    expect(() => reserve(2)).toThrow(refusal("LEDGER_DAMAGED"));
    writeFileSync(`${options.path}.ledger`, "{}\n");
    expect(() => reserve(2)).toThrow(refusal("LEDGER_DAMAGED"));
    writeFileSync(`${options.path}.ledger`, line);
    writeFileSync(`${options.path}.mark`, "1");
    expect(() => reserve(2)).toThrow(refusal("LEDGER_DAMAGED"));
  });

  test("a second signer is refused while one works, and a lock ends with its holder", () => {
    let refused: unknown;
    const onStep = (step: string) => {
      if (step !== "locked") return;
      try {
        reserve(2);
      } catch (error) {
        refused = error;
      }
    };
    expect(reserveLeaf({ ...options, onStep }, digest(1)).leaf).toBe(0);
    expect(refused).toEqual(refusal("LEDGER_LOCKED"));
    expect(reserve(2).leaf).toBe(1);
  });
});
