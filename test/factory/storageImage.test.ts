import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { boards, firstPageOf, slotAddresses } from "../../boards/index.ts";
import { encodeIdentity } from "../../scripts/cli/factory/identity.ts";
import {
  composeStorage,
  type FactorySlot,
  fileHeader,
  type StorageInput,
} from "../../scripts/cli/factory/storageImage.ts";
import { espruinoBin, needsEspruino, runEspruino } from "../build/support.ts";
import { nodeHal, openTestJournal } from "../support/nodeHal.ts";
import { identityInput } from "./support.ts";

const recordSlots = 2;
const recordLife = 9;
const imageText = "[function(k,a){return a()},function(){return 42}]";
const digest = new Uint8Array(createHash("sha256").update(imageText).digest());
const partTexts = ["(function(k){return k+1})", "(function(k){return k*2})"];
const input: StorageInput & { slotA: FactorySlot } = {
  identity: encodeIdentity(identityInput),
  page0Text: partTexts[0]!,
  coreText: partTexts[1]!,
  boot0Text: 'print("T boot0");',
  slotA: { text: imageText, sequence: 5, digest, floor: 4, trialMinutes: 30 },
  lifecycle: 1,
};

/** Follows file headers as the interpreter does. */
function files(storage: Uint8Array, unit: number): [string, number, number][] {
  const view = new DataView(storage.buffer);
  const found: [string, number, number][] = [];
  for (let at = 0; at + 32 <= storage.length; ) {
    const bytes = view.getUint32(at, true);
    const name = Buffer.from(storage.subarray(at + 4, at + 32))
      .toString()
      .replace(/\0+$/, "");
    found.push([name, at, bytes]);
    at += 32 + Math.ceil(bytes / unit) * unit;
  }
  return found;
}

for (const board of Object.values(boards))
  test(`on ${board.id} the files follow each other and end on Storage's last byte`, () => {
    const { plan, pageBytes } = board;
    const all = composeStorage(board, input);
    const storage = all.slice(-firstPageOf(plan) * pageBytes);
    const total = plan.totalPages * pageBytes;
    const core = plan.corePage * pageBytes;
    const found = files(storage, board.writeUnitBytes === 8 ? 8 : 4);
    expect(storage.length).toBe(total);
    if (plan.kind === "fixed") {
      // The journal stands last: what is erased must not hold the header of what never is.
      const journal = plan.journalPage * pageBytes;
      const boot0At = found[1]![1];
      expect(found).toEqual([
        ["core", 0, boot0At - 32],
        [".boot0", boot0At, journal - 32 - boot0At - 32],
        ["slots", journal - 32, total - journal],
      ]);
      return;
    }
    const [slots, coreFile, boot0, ...rest] = found;
    expect(slots).toEqual(["slots", 0, core - 32]);
    expect(coreFile!.slice(0, 2)).toEqual(["core", core]);
    expect(boot0![0]).toBe(".boot0");
    expect(boot0![1] + 32 + boot0![2]).toBe(total);
    expect(rest).toEqual([]);
    expect(storage.subarray(core)).not.toContain(0xff);
  });

test("a board with 8-byte writes has its headers on 8-byte boundaries", () => {
  const storage = composeStorage({ ...boards.puckjs!, writeUnitBytes: 8 }, input);
  for (const [, at] of files(storage, 8)) expect(at % 8).toBe(0);
});

for (const board of Object.values(boards))
  test(`on ${board.id} the device's journal reads slots and life, and the image checks`, () => {
    const { plan, pageBytes } = board;
    const storage = Uint8Array.from(composeStorage(board, input));
    const before = -firstPageOf(plan) * pageBytes;
    const journal = openTestJournal(
      storage,
      before + plan.journalPage * pageBytes,
      plan.journalHalfPages * pageBytes,
      pageBytes,
    );
    const slots = journal.get(recordSlots);
    expect(slots).toEqual([
      0,
      [5, imageText.length, expect.any(Number), digest, 4, 30, 0, null],
      null,
      4,
      258,
      0,
      0,
    ]);
    const text = nodeHal(storage, pageBytes).text(
      before + slotAddresses(board)[0]!,
      imageText.length,
    );
    expect(text).toBe(imageText);
    expect(nodeHal(storage, pageBytes).crc(text)).toBe(slots[1][2]);
    expect(journal.get(recordLife)).toEqual([1, 0, 60]);
  });

test("without an image no slot is active", () => {
  const board = boards.puckjs!;
  const storage = Uint8Array.from(composeStorage(board, { ...input, slotA: null }));
  const journal = openTestJournal(storage, 5 * 4096, 4096, 4096);
  expect(journal.get(recordSlots)).toEqual([2, null, null, 0, 258, 0, 0]);
  expect(storage.subarray(4096, 5 * 4096).every((b) => b === 0xff)).toBe(true);
});

test("empty flash stays only inside slots and the journal", () => {
  const storage = composeStorage(boards.puckjs!, input);
  const blank = (from: number, to: number) => storage.subarray(from, to).every((b) => b === 0xff);
  expect(storage.slice(0x230, 0x240).every((byte) => byte === 0)).toBe(true);
  expect(blank(0x240 + partTexts[0]!.length, 4096)).toBe(true);
  expect(blank(4096 + imageText.length, 5 * 4096)).toBe(true);
  expect(blank(6 * 4096, 7 * 4096)).toBe(true);
});

test("texts that do not fit are refused with their bytes", () => {
  const board = boards.puckjs!;
  const slotA = { ...input.slotA, text: "x".repeat(8193) };
  expect(() => composeStorage(board, { ...input, slotA })).toThrow(
    /STORAGE_INVALID: slot A: expected at most 8192 bytes, got 8193/,
  );
  const boot0Text = "x".repeat(12_224);
  expect(() => composeStorage(board, { ...input, boot0Text })).toThrow(
    /STORAGE_INVALID: core and \.boot0: expected at most 12224 bytes, got 12249/,
  );
  const page0Text = "x".repeat(3521);
  expect(() => composeStorage(board, { ...input, page0Text })).toThrow(
    /STORAGE_INVALID: page 0: expected at most 3520 bytes, got 3521/,
  );
});

test(".boot0 is as short as its text: it is read to its end at every start", () => {
  const boot0 = files(composeStorage(boards.puckjs!, input), 4)[2];
  expect(boot0![2]).toBe(Math.ceil(input.boot0Text.length / 4) * 4);
});

test("an identity that does not check is refused", () => {
  const identity = input.identity.slice();
  identity[0x40]! ^= 1;
  expect(() => composeStorage(boards.puckjs!, { ...input, identity })).toThrow(/IDENTITY_INVALID/);
});

test("a file header is the size and the padded name", () => {
  expect(Buffer.from(fileHeader(".boot0", 0x1234)).toString("hex")).toBe(
    `34120000${Buffer.from(".boot0").toString("hex")}${"00".repeat(22)}`,
  );
});

/** The board whose flash the interpreter under test has: ten pages of 4 kB or 256 of 1 kB. */
const probe = 'print("T "+require("Flash").getPage(0x10000000).length);print("T end")';

test.skipIf(!espruinoBin)(
  `the interpreter finds the files, keeps them, runs .boot0 and reads parts in place${needsEspruino}`,
  async () => {
    const [pageBytes] = await runEspruino(probe);
    const board = pageBytes === "4096" ? boards.puckjs! : boards.linux!;
    const storage = composeStorage(board, input);
    const script = `var s=require("Storage");
print("T "+s.list().join());
print("T "+eval(s.read("slots",${0x240 - 32},${partTexts[0]!.length}))(4));
print("T "+eval(s.read("core",0,${partTexts[1]!.length}))(4));
var i=eval(s.read("slots",${slotAddresses(board)[0]! - 32},${imageText.length}));
print("T "+i[0](0,i[1]));
s.compact();
print("T "+s.list().length+" "+s.getFree()+" "+s.read("slots",0,8));
print("T end");`;
    const lines = await runEspruino(script, storage);
    expect(lines).toEqual(["boot0", "slots,core,.boot0", "5", "8", "42", "3 0 FLTLID01", "end"]);
  },
  15_000,
);
