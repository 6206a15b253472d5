/** Board files are data that everything else believes: their plans, numbers and sources are held here. */
import { describe, expect, it } from "vitest";
import { boards, slotAddresses, slotBytesOf } from "../../boards/index.ts";
import type { Board } from "../../boards/types.ts";

const all = Object.values(boards);
const byId = it.each(all.map((board) => [board.id, board] as const));

type Area = [name: string, page: number, pages: number];

/** What a plan puts where, in the order of flash. A fixed image and the core share page 0 with the identity. */
function areas(board: Board): Area[] {
  const { plan, pageBytes } = board;
  const journal: Area = ["journal", plan.journalPage, 2 * plan.journalHalfPages];
  if (plan.kind === "fixed") return [["identity, image and core", 0, 1], journal];
  const slots = slotAddresses(board).map((at, i): Area => {
    return [`slot ${"AB"[i]}`, at / pageBytes, plan.slotPages];
  });
  const core: Area = ["core", plan.corePage, plan.totalPages - plan.corePage];
  const all: Area[] = [["identity", 0, 1], ...slots, journal, core];
  return all.sort((a, b) => a[1] - b[1]);
}

describe("a flash plan", () => {
  byId("of %s gives every page to one area at most, in the order of SPEC.md", (_id, board) => {
    let free = areas(board)[0]![1];
    for (const [name, page, pages] of areas(board)) {
      expect([name, page >= free]).toEqual([name, true]);
      expect([name, pages >= 1]).toEqual([name, true]);
      free = page + pages;
    }
    expect(free).toBe(board.plan.totalPages);
  });

  byId(
    "of %s begins Storage with the identity and leaves no gap before the core that is not named",
    (_id, board) => {
      const all = areas(board);
      expect(all.find(([, page]) => page === 0)![0]).toMatch(/^identity/);
      const gaps = all.filter(([, page], i) => {
        const before = all[i - 1];
        return before && page !== before[1] + before[2];
      });
      // Only where Storage is far larger than what is needed, so that the factory need not write all of it.
      expect(gaps.map(([name]) => name)).toEqual(board.id === "banglejs2" ? ["core"] : []);
    },
  );

  byId(
    "of %s starts on a page and keeps the sizes that Storage can tell",
    (_id, { flashStart, pageBytes, plan }) => {
      expect(flashStart % pageBytes).toBe(0);
      // A file header has 24 bits for the size.
      expect(plan.corePage * pageBytes).toBeLessThan(1 << 24);
      expect((plan.totalPages - plan.corePage) * pageBytes).toBeLessThan(1 << 24);
    },
  );

  byId("of %s has room for the budgets, and they add up", (_id, board) => {
    const { plan, pageBytes, budget } = board;
    const isFixed = plan.kind === "fixed";
    const page0Rest = pageBytes - 0x240;
    // Where the image is fixed, it comes off page 0 as well, and two headers stand behind it there too.
    const coreRoom = isFixed
      ? pageBytes - plan.imageAt - plan.imageBytes
      : (plan.totalPages - plan.corePage) * pageBytes + page0Rest;
    expect(budget.coreBytes).toBeLessThanOrEqual(coreRoom);
    const image = budget.frameworkBytes + budget.appBytes + 3;
    expect(image).toBeLessThanOrEqual(slotBytesOf(board));
    expect(budget.frameworkBytes).toBeLessThanOrEqual(slotBytesOf(board) < 12_289 ? 4500 : 20_000);
    // A Pico's one fixed image has 5.1 kB in all.
    expect(budget.appBytes).toBeGreaterThanOrEqual(board.plan.kind === "fixed" ? 2900 : 3600);
  });

  byId("of %s lets a journal half hold every live record at once", (_id, { plan, pageBytes }) => {
    // Receipt 1,400 B, key set and settings 600 B, the others 600 B: the most that is live together.
    expect(plan.journalHalfPages * pageBytes).toBeGreaterThanOrEqual(4096);
  });

  byId(
    "of %s bears 100 journal records a day for ten years",
    (_id, { plan, pageBytes, endurance }) => {
      if (!endurance.erases) return;
      const liveBytes = 2600;
      const recordBytes = 48;
      const perHalf = (plan.journalHalfPages * pageBytes - 32 - liveBytes) / recordBytes;
      const days = (perHalf * 2 * endurance.erases) / 100;
      expect(days / 365).toBeGreaterThan(10);
    },
  );

  byId("of %s writes whole units and no more often than its flash bears", (_id, board) => {
    const { writeUnitBytes, rewrite, endurance, pageBytes } = board;
    expect(pageBytes % 64).toBe(0);
    if (endurance.blockBytes) expect(pageBytes % endurance.blockBytes).toBe(0);
    // A unit that is written and zeroed later takes two writes.
    if (endurance.blockBytes === writeUnitBytes) {
      expect(endurance.blockWritesMax).toBe(2);
      expect(rewrite).toBe("zero-only");
    }
    if (endurance.blockBytes > writeUnitBytes) {
      const units = endurance.blockBytes / writeUnitBytes;
      expect(endurance.blockWritesMax).toBeGreaterThanOrEqual(units);
    }
    if (writeUnitBytes === 8) expect(rewrite).toBe("zero-only");
  });

  byId(
    "of %s lies where its driver writes",
    (_id, { flashStart, pageBytes, plan, protectedRanges }) => {
      const end = flashStart + plan.totalPages * pageBytes;
      for (const { from, to } of protectedRanges) {
        expect(flashStart >= to || end <= from).toBe(true);
      }
    },
  );
});

describe("a board", () => {
  byId(
    "%s with one slot is updated by its core alone, and says that nothing is left to fall back to",
    (_id, board) => {
      const isSingle = board.plan.kind === "single";
      if (isSingle) expect(board.updates).toBe("cable");
      expect(board.promise.includes("nothing to fall back to")).toBe(isSingle);
    },
  );

  byId("%s whose image is fixed is never updated, and says so", (_id, board) => {
    const isFixed = board.plan.kind === "fixed";
    expect(board.updates === "never").toBe(isFixed);
    expect(board.promise.startsWith("Software is replaced only by writing the board again")).toBe(
      isFixed,
    );
    if (isFixed) expect([board.plan.corePage, board.plan.journalPage]).toEqual([0, 1]);
  });

  byId(
    "%s without SHA-256 is updated by its core alone, where a long verify holds up nobody",
    (_id, board) => {
      if (!board.crypto.sha256) expect(board.updates).toBe("cable");
    },
  );

  byId("%s cites file and line for what it read in the interpreter", (_id, { sources }) => {
    for (const name of ["flashStart", "variables"])
      expect(sources[name]).toMatch(/^interpreter .*(lines? \d|FLASH_START)/);
    for (const source of Object.values(sources)) expect(source).not.toMatch(/\/work|\/home/);
  });

  byId("%s names the source of each of its numbers", (_id, board) => {
    const { id, name, chip, sources, ...stated } = board;
    expect([id, name, chip].every(Boolean)).toBe(true);
    const named = Object.keys(sources);
    const isEmpty = (value: unknown) => value === false || JSON.stringify(value) === "{}";
    const numbers = Object.entries(stated).filter(([, value]) => !isEmpty(value));
    expect(numbers.filter(([field]) => !named.includes(field))).toEqual([]);
    // What a board lacks may have a source too.
    const known = [...Object.keys(stated), "button", "serialSetup"];
    expect(named.filter((field) => !known.includes(field))).toEqual([]);
    for (const source of Object.values(sources)) expect(source.length).toBeGreaterThan(10);
  });

  it("is one of the fourteen that the framework names", () => {
    expect(Object.keys(boards)).toHaveLength(14);
    for (const [id, board] of Object.entries(boards)) expect(board.id).toBe(id);
  });
});
