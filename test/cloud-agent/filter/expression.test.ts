/** Filters as people write them: what they mean, and how they are refused. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { columnsOf, evaluate } from "../../../cloud-agent/core/filter/evaluate.ts";
import { fieldOf, fields } from "../../../cloud-agent/core/filter/fields.ts";
import { parseFilter } from "../../../cloud-agent/core/filter/parse.ts";
import type { Expr } from "../../../cloud-agent/core/filter/types.ts";
import type { DeviceRecord } from "../../../cloud-agent/core/records.ts";
import { deviceColumns } from "../../../cloud-agent/storage/sqlDevices.ts";
import { Lifecycle } from "../../../firmware/protocol/messages.ts";
import { birthRecord, deviceRecord } from "../fixtures.ts";

const nowMs = 1_800_000_000_000;
const hourMs = 3_600_000;
const device = deviceRecord("SN-0042", {
  ...{ group: "pilot", site: "attic 2", tags: ["hot", "new*"], account: "acme" },
  ...{ runningSequence: 7, lastSeenMs: nowMs - 30 * hourMs, route: "gw/roof" },
  lifecycle: Lifecycle.Operating,
  ...{ settingsRevision: 3, settingsRefused: { mode: 151 } },
  wantedSettings: { revision: 3, values: { everyS: 600, mode: "eco", led: true } },
  latestVitals: { batteryMv: 2450, memoryUsedPermille: 700, crashFreeS: 7200, "m.flow": 1.5 },
});

describe("an expression", () => {
  it.each([
    ["model = sensor-1", true],
    ["product=sensor-1", true],
    ["board in (esp32, puckjs)", true],
    ["board not in (esp32, puckjs)", false],
    ["board != esp32", true],
    ["batch = B*", true],
    ["batch = C*", false],
    ["serial = SN-00*", true],
    ['site = "attic 2"', true],
    ["site = attic", false],
    ["tag = hot", true],
    ["tag = cold", false],
    ["tag != hot", false],
    ['tag = "new*"', true],
    ['tag = "ne*"', false],
    ["owner = acme", true],
    ["release = 7", true],
    ["sequence < 7", false],
    ["release <= 7 and release >= 7", true],
    ["lastSeen > 1d", true],
    ["lastSeen > 1d6h", false],
    ["lastSeen = none", false],
    ["battery < 2500", true],
    ["batteryMv >= 2451", false],
    ["freeMemory = 300", true],
    ["crashFree = 2h", true],
    ["rssiDbm < 0", false],
    ["not rssiDbm < 0", true],
    ["rssiDbm = none", true],
    ["rssiDbm != none", false],
    ["metric.flow > 1", true],
    ["setting.everyS = 600", true],
    ["setting.led = yes", true],
    ["setting.mode = eco", false],
    ["setting.mode = none", true],
    ["settingsReported = yes", true],
    ["settingsRefused = yes", true],
    ["state = operating", true],
    ["presence = online", true],
    ["presence in (offline, unwatched)", false],
    ["gateway = roof", true],
    ["maintenance = no and sunset = no", true],
    ["slot = confirmed", true],
    ["model = x or board = puckjs and tag = hot", true],
    ["(model = x or board = puckjs) and tag = cold", false],
    ["NOT (tag = cold OR tag = warm) AND group=pilot", true],
  ])("%s is %s of a device", (text, wanted) => {
    expect(evaluate(parseFilter(text), device, nowMs)).toBe(wanted);
  });

  it.each([
    ["bord = puckjs", 'column 1: unknown field "bord"; did you mean "board"?'],
    ["colour = red", /column 1: unknown field "colour"; known: serial, model/],
    ["board = puckjs and batery < 3", 'column 20: unknown field "batery"; did you mean "battery"?'],
    ["release < seven", 'column 11: release: expected a number, got "seven"'],
    ["lastSeen > 3", 'column 12: lastSeen: expected a time with its unit, like 3d or 12h, got "3"'],
    ["sunset = true", 'column 10: sunset: expected yes or no, got "true"'],
    ["board < puckjs", "column 7: board: expected = or !=, its values have no order"],
    ["state = operatin", /column 9: state: expected one of .*; did you mean "operating"\?/],
    ["state = none2", /column 9: state: expected one of unknown, released/],
    ["", "column 1: expected a field, got the end"],
    ["board", "column 6: expected one of = != < <= > >= in, got the end"],
    ["board =", "column 8: board: expected a value, got the end"],
    ["board = puckjs tag = hot", 'column 16: expected "and", "or" or the end, got "tag"'],
    ["(board = puckjs", 'column 16: expected ")", got the end'],
    ["board in puckjs", 'column 10: expected "(", got "puckjs"'],
    ["board in (puckjs", 'column 17: expected ")", got the end'],
    ["board not = x", 'column 11: expected "in", got "="'],
    [
      'site = "attic',
      "column 8: expected a field, a value or a bracket, got a quote that does not end",
    ],
    ["board ! puckjs", 'column 7: expected a field, a value or a bracket, got "!"'],
    ["constructor = 1", /unknown field "constructor"/],
    [`${"(".repeat(18)}board = x`, /expected at most 16 brackets inside each other/],
    [Array(65).fill("board = x").join(" or "), /expected at most 64 comparisons/],
    [`serial in (${Array(301).fill("A").join()})`, /expected at most 300 values, got 301/],
    [`board = ${"x".repeat(4000)}`, /expected at most 4000 characters, got 4008/],
  ])("%s is refused with its column", (text, wanted) => {
    const read = () => parseFilter(text);
    expect(read).toThrow(wanted);
    expect(read).toThrow(expect.objectContaining({ name: "FilterInvalid", code: 641 }));
  });

  it("leaves open what a device reports when it is asked to, and nothing else", () => {
    const open = (text: string) => evaluate(parseFilter(text), device, nowMs, "unknown");
    expect(open("release < 3")).toBe(null);
    expect(open("not release < 3")).toBe(null);
    expect(open("release < 3 and group = pilot")).toBe(null);
    expect(open("release < 3 and group = other")).toBe(false);
    expect(open("release < 3 or group = pilot")).toBe(true);
  });
});

const name = fc.constantFrom("board", "model", "site", "group", "release", "state", "batch", "tag");
const word = fc.constantFrom("a", "b", "*", "a*", '"a*"', "none", "1", "2");
const test = fc.tuple(
  name,
  fc.constantFrom("=", "!="),
  fc.array(word, { minLength: 1, maxLength: 3 }),
);
const texts = fc.letrec<{ expr: string }>((tie) => ({
  expr: fc.oneof(
    { depthSize: "small" },
    test.map(([field, operator, words]) => {
      const type = fields[field]!;
      const values = words.map((one) => {
        if (one === "none") return one;
        if (type.words) return type.words[one.length % type.words.length]!;
        return type.type === "number" ? String(one.length) : one;
      });
      return `${field} ${operator === "=" ? "in" : "not in"} (${values.join()})`;
    }),
    fc
      .tuple(tie("expr"), fc.constantFrom("and", "or"), tie("expr"))
      .map((one) => `(${one.join(" ")})`),
    tie("expr").map((one) => `not ${one}`),
  ),
})).expr;
const label = fc.constantFrom("a", "ab", "b", "a*");
const devices = fc.record({
  ...{ board: label, model: label, batch: label, tags: fc.array(label, { maxLength: 2 }) },
  ...{ site: fc.option(label), group: fc.option(label) },
  ...{ runningSequence: fc.integer({ min: 0, max: 3 }), lifecycle: fc.integer({ min: 1, max: 7 }) },
});

describe("an index", () => {
  it("never leaves out a device that matches", () => {
    fc.assert(
      fc.property(texts, devices, (text, { board, model, batch, ...rest }) => {
        let expr: Expr;
        try {
          expr = parseFilter(text);
        } catch (error) {
          expect((error as Error).message).toMatch(/at most/);
          return;
        }
        const birth = birthRecord("SN-1", { board, model, batch });
        const one: DeviceRecord = deviceRecord("SN-1", { birth, ...rest });
        if (evaluate(expr, one, nowMs) !== true) return;
        const found = deviceColumns(one);
        for (const [column, values] of Object.entries(columnsOf(expr))) {
          expect(values).toContain(found[column as keyof typeof found]);
        }
      }),
      { numRuns: 2000 },
    );
  });
  it("is used for what stands in every match", () => {
    const text =
      "site = attic and state in (operating, maintenance) and release = 7 and battery < 2500";
    expect(columnsOf(parseFilter(text))).toEqual({
      ...{ site: ["attic"], lifecycle: [3, 7], running_sequence: [7] },
    });
    expect(columnsOf(parseFilter("site = attic or release = 7"))).toEqual({});
    expect(columnsOf(parseFilter("presence = unwatched"))).toEqual({ presence: [""] });
  });
});

describe("the fields", () => {
  it("are each found by name, and no name of the language is one", () => {
    for (const known of Object.keys(fields)) expect(fieldOf(known)?.name).toBe(known);
    for (const other of ["toString", "__proto__", "setting.", ".x", "hasOwnProperty.x"]) {
      expect(fieldOf(other)).toBe(null);
    }
  });
});
