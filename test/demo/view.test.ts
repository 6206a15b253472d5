import { describe, expect, it } from "vitest";
import type { DeviceLine, EventLine } from "../../scripts/demo/api.ts";
import { wrongFigures } from "../../scripts/demo/expected.ts";
import type { Facts } from "../../scripts/demo/facts.ts";
import { readOptions } from "../../scripts/demo/options.ts";
import { cellState } from "../../scripts/demo/view/cells.ts";
import { render, wrap } from "../../scripts/demo/view/ink.ts";
import { LiveView } from "../../scripts/demo/view/live.ts";
import { PlainView } from "../../scripts/demo/view/plain.ts";

const right: Facts = {
  ...{ devices: 51, claimed: 51, refusedClaims: 3, refusedClaimCodes: [] },
  ...{ confirmed11: 51, inUse: 50, running11: 50, haltedRelease: "1.2" },
  haltReason: "1 of 3 devices reverted (crashed at boot); battery slope is 3.8 times",
  ...{ wavesStarted12: 1, reverted12: 3, downloadsAfterHalt: 0, poisoned: true },
  ...{ tamperedRefused: "ManifestDigest", replayRefused: "SequenceBelowFloor" },
  ...{ wipeVerdict: "Clear, class C", receiptVerified: true, zombieContacts: 1 },
  ...{ secretsFoundAfterWipe: 0, agentRestarts: 1, falseSuccess: 0, seconds: 80 },
};

describe("the demo's figures", () => {
  it("pass when the story went as it should", () => {
    expect(wrongFigures(right)).toEqual([]);
  });

  it("are named when they are wrong, with what was expected", () => {
    const facts = { ...right, claimed: 50, secretsFoundAfterWipe: 2, haltReason: null };
    expect(wrongFigures(facts)).toEqual([
      "claimed: expected 51, got 50",
      "haltReason: expected words that name the crash at boot and the battery's slope, got null",
      "secretsFoundAfterWipe: expected 0, got 2",
    ]);
  });
});

const event = (kind: string, text: string): EventLine => ({
  ...{ id: 1, atMs: 0, kind, serial: null, rolloutId: null, sequence: null, code: null, text },
});
const look = (fresh: EventLine[]) => ({
  ...{ cells: [], bars: [], rolloutName: "", agentAnswers: true, fresh },
});

describe("the plain view", () => {
  it("tells chapters, refusals and headlines in lines without control codes", () => {
    let out = "";
    const view = new PlainView((text) => {
      out += text;
    });
    view.chapter(2, 7, "Claim");
    view.refused("ClaimCodeWrong", "Somebody claims PUCK-0001.");
    view.look(look([event("rolloutHalted", "It halted."), event("updateOffered", "Not told.")]));
    view.table([
      ["", "light"],
      ["PUCK-0001", "512"],
    ]);
    expect(out.replaceAll(/^ +0:00/gm, "0:00")).toBe(
      "\n0:00 2/7  Claim\n0:00    refused: ClaimCodeWrong \n0:00     Somebody claims PUCK-0001.\n" +
        "0:00   › It halted.\n0:00                light\n0:00     PUCK-0001    512\n",
    );
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });
});

describe("the live view", () => {
  it("draws no line wider than the terminal, and shows the cursor again at the end", () => {
    let out = "";
    const screen = {
      write: (text: string) => void (out += text),
      columns: () => 60,
      rows: () => 24,
    };
    const view = new LiveView(screen, false);
    view.chapter(4, 7, "Release 1.1, in waves");
    view.busy("devices pull, verify, write their other slot, boot on trial, confirm");
    const cells = Array.from({ length: 17 }, (_, i) => ({
      ...{ serial: `PUCK-${i}`, board: "puckjs", state: "trial" as const },
    }));
    const bars = [{ name: "canary", done: 1, total: 3, note: "open" }];
    view.look({ ...look([event("x", "a ".repeat(80))]), cells, bars, rolloutName: "Release 1.1" });
    view.say("word ".repeat(40));
    view.close();
    // biome-ignore lint/suspicious/noControlCharactersInRegex: only these two move or hide the cursor
    const lines = out.replaceAll(/\u001b\[[?\d]*[A-Za-z]|\r/g, "").split("\n");
    expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThan(60);
    expect(out.startsWith("\u001b[?25l")).toBe(true);
    expect(out.endsWith("\u001b[?25h")).toBe(true);
  });

  it("counts what is seen, not control codes", () => {
    expect(render([["abcdef", "red"], "gh"], 7, true)).toBe("\u001b[31mabcdef\u001b[0mg");
    expect(wrap("one two threefour", 5)).toEqual(["one", "two", "three", "four"]);
  });

  it("shows a device without power as such, and one that went back as one that went back", () => {
    const device = {
      ...{ serial: "A", lifecycle: 3, lifecycleName: "operating", lastSeenMs: 1, slotState: 0 },
      ...{ runningSequence: 11, download: null, lastFailed: { sequence: 12, code: 208, text: "" } },
    } as DeviceLine;
    expect(cellState(device, true)).toBe("reverted");
    expect(cellState(device, false)).toBe("off");
    expect(cellState({ ...device, slotState: 1 }, true)).toBe("trial");
    expect(cellState(undefined, true)).toBe("unseen");
  });
});

describe("the demo's command line", () => {
  it("takes its options and says what is wrong with others", () => {
    expect(readOptions(["--seed", "7", "--keep"])).toEqual({ seed: 7, keep: true, plain: false });
    expect(readOptions(["-h"])).toBe("help");
    expect(readOptions(["--seed", "x"])).toEqual({
      wrong: '--seed: expected a whole number of at most 9 digits, got "x"',
    });
    expect(readOptions(["--fast"])).toMatchObject({ wrong: expect.stringContaining("--fast") });
  });
});
