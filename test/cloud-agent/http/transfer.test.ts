/** Data of a customer, given out by one agent and taken in by another. */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { rollUpNext } from "../../../cloud-agent/core/vitals/roll.ts";
import type { Store } from "../../../cloud-agent/storage/store.ts";
import { Lifecycle } from "../../../firmware/protocol/messages.ts";
import { exported, filled, openStore, secretBirth, take } from "../../support/transfer.ts";
import { birthRecord, deviceRecord } from "../fixtures.ts";
import { startMs } from "./harness.ts";

const text = (lines: string[]) => `${lines.join("\n")}\n`;

const short = fc.string({ minLength: 1, maxLength: 8 });
const devices = fc
  .uniqueArray(fc.integer({ min: 1000, max: 9999 }), { minLength: 1, maxLength: 3 })
  .chain((numbers) =>
    fc.tuple(
      ...numbers.map((n) =>
        fc.record({
          serial: fc.constant(`SN-${n}`),
          lifecycle: fc.constantFrom(Lifecycle.Operating, Lifecycle.Retired, Lifecycle.Released),
          ...{
            group: fc.option(short),
            site: fc.option(short),
            tags: fc.uniqueArray(short, { maxLength: 3 }),
          },
          ...{ runningSequence: fc.nat(9), epoch: fc.nat(5), lastSeenMs: fc.option(fc.nat()) },
          latestVitals: fc.dictionary(short, fc.integer(), { maxKeys: 3 }),
          wantedSettings: fc.option(
            fc.record({ revision: fc.nat(9), values: fc.dictionary(short, short) }),
          ),
          lastFailed: fc.option(
            fc.record({
              sequence: fc.nat(9),
              digest: fc.constant("ab"),
              code: fc.nat(300),
              text: short,
            }),
          ),
        }),
      ),
    ),
  );

describe("an import into an empty agent", () => {
  it("gives the same export again, and changes nothing the second time", async () => {
    await fc.assert(
      fc.asyncProperty(devices, fc.nat(40), async (made, rows) => {
        const records = made.map((one) =>
          deviceRecord(one.serial, { ...one, account: "acme", birth: secretBirth(one.serial) }),
        );
        const from = await filled(records, rows);
        const to = await openStore();
        try {
          const file = await exported(from);
          const first = await take(to, file);
          expect([first.imported, first.refusedCount]).toEqual([records.length, 0]);
          expect(await exported(to)).toBe(file);
          expect(await take(to, file)).toMatchObject({
            ...{ imported: 0, unchanged: records.length, lines: 0, refusedCount: 0 },
          });
          expect(await exported(to)).toBe(file);
        } finally {
          await from.close();
          await to.close();
        }
      }),
      { numRuns: 4 },
    );
  }, 60_000);

  it("counts no sample twice when its own roll-up comes", async () => {
    const from = await filled([deviceRecord("SN-1000", { account: "acme" })], 40);
    const to = await openStore();
    await take(to, await exported(from));
    const rolled = (store: Store) =>
      store.tx(async (tx) => {
        while ((await rollUpNext(tx)) > 0);
        return tx.spans.ofDevice({ serial: "SN-1000", kind: "hour", limit: 100 });
      });
    expect(await rolled(to)).toEqual(await rolled(from));
    await from.close();
    await to.close();
  });

  it("goes on where it was killed, and shows no half device until then", async () => {
    const from = await filled([deviceRecord("SN-1000", { account: "acme" })], 300);
    const file = await exported(from);
    const lines = file.trimEnd().split("\n");
    const to = await openStore();
    await expect(take(to, text(lines.slice(0, 401)))).rejects.toThrow(
      "line 402: expected the line of kind end, it was cut",
    );
    expect(await to.tx((tx) => tx.device("SN-1000"))).toBe(null);
    const rest = await take(to, file);
    expect(rest).toMatchObject({ imported: 1, lines: lines.length - 2 - 400 });
    expect(await exported(to)).toBe(file);
    await from.close();
    await to.close();
  });
});

describe("an import", () => {
  let from: Store;
  let to: Store;
  beforeEach(async () => {
    const acme = ["SN-1000", "SN-1001"].map((serial) =>
      deviceRecord(serial, { account: "acme", lifecycle: 3, birth: secretBirth(serial) }),
    );
    from = await filled([...acme, deviceRecord("SN-2000", { account: "other" })]);
    to = await openStore();
  });
  afterEach(async () => {
    await from.close();
    await to.close();
  });

  it("tells what it cannot bring: births, and keys of another master key", async () => {
    await from.tx((tx) => tx.putMeta("kmCheck", JSON.stringify({ 1: "aaaaaaaabbbb" })));
    await to.tx(async (tx) => {
      await tx.putMeta("kmCheck", JSON.stringify({ 1: "ccccccccdddd" }));
      await tx.putDevice(deviceRecord("SN-1001", { birth: secretBirth("SN-1001") }));
    });
    const file = await exported(from);
    expect(file).not.toMatch(/c0dec0de|5a175a17|aaaaaaaabbbb|SN-2000/);
    const { told, imported } = await take(to, file);
    const other = "its key follows from the other agent's master key 1, here that is another one";
    expect(imported).toBe(2);
    expect(told).toEqual([
      {
        serial: "SN-1000",
        what: [expect.stringMatching(/^its birth is not registered here/), other],
      },
      { serial: "SN-1001", what: [other] },
    ]);
    const [without, withBirth] = await to.tx(async (tx) => [
      await tx.device("SN-1000"),
      await tx.device("SN-1001"),
    ]);
    expect([without!.birth.salt, withBirth!.birth.salt]).toEqual(["", "5a17".repeat(8)]);
  });

  it("refuses by name a device that lives here, and takes the others", async () => {
    await to.tx((tx) => tx.putDevice(deviceRecord("SN-1000", { account: "else" })));
    const report = await take(to, await exported(from));
    expect([report.imported, report.refusedCount]).toEqual([1, 1]);
    const detail = "device SN-1000: it has a life of its own here";
    expect(report.refused).toEqual([{ serial: "SN-1000", name: "ImportConflict", detail }]);
    expect((await to.tx((tx) => tx.device("SN-1000")))?.account).toBe("else");
    expect(await to.tx((tx) => tx.vitals({ serial: "SN-1000", limit: 9 }))).toEqual([]);
  });

  it.each<[string, (from: Store, to: Store) => Promise<void>, RegExp]>([
    [
      "whose birth here differs",
      (_, to) =>
        to.tx((tx) =>
          tx.putDevice(deviceRecord("SN-1000", { birth: birthRecord("SN-1000", { batch: "B9" }) })),
        ),
      /SN-1000: its birth here has another batch/,
    ],
    [
      "that is being wiped",
      (from) =>
        from.tx((tx) => tx.putDevice(deviceRecord("SN-1000", { account: "acme", lifecycle: 5 }))),
      /SN-1000: it is wiping at the other agent/,
    ],
  ])("refuses a device %s", async (_title, change, wanted) => {
    await change(from, to);
    const { refused } = await take(to, await exported(from));
    expect(refused.map(({ detail }) => detail).join()).toMatch(wanted);
  });

  it("refuses another file of a device that was imported, and one that is shorter", async () => {
    const file = await exported(from);
    await take(to, file);
    await from.tx((tx) => tx.appendEvent({ kind: "x", serial: "SN-1000", text: "news" }, startMs));
    const later = await take(to, await exported(from));
    expect([later.unchanged, later.refusedCount]).toEqual([1, 1]);
    const lines = file
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const at = lines.findIndex(({ kind }) => kind === "certificate");
    lines.splice(at, 1);
    lines.at(-1).counts.certificate--;
    const shorter = await take(to, text(lines.map((line) => JSON.stringify(line))));
    expect(shorter.refused[0]!.detail).toMatch(
      /^device SN-1000: \d+ lines of it were imported, here are \d+$/,
    );
  });

  it.each<[string, (lines: string[]) => string[], RegExp]>([
    ["nothing", () => [], /line 1: expected the line of kind end, it is empty/],
    ["what is no JSON", () => ["hello"], /line 1: expected a JSON object, got/],
    [
      "a file without its head",
      (lines) => lines.slice(1),
      /line 1: expected the head of an export, got device/,
    ],
    [
      "an unknown kind",
      (lines) => [lines[0]!, '{"kind":"toString"}'],
      /line 2: expected kind fleetlingExport/,
    ],
    [
      "rows before a device",
      (lines) => [lines[0]!, lines[2]!],
      /line 2: expected a device line first/,
    ],
    [
      "a later version",
      (lines) => [lines[0]!.replace('"version":1', '"version":2')],
      /fleetlingExport: version/,
    ],
    [
      "a field that nobody knows",
      (lines) => [...lines.slice(0, 2), '{"kind":"event","event":{"colour":1}}'],
      /line 3: event: event/,
    ],
    [
      "counts that differ",
      (lines) => [...lines.slice(0, -1), lines.at(-1)!.replace('"device":2', '"device":3')],
      /expected 3 lines of kind device, got 2/,
    ],
    [
      "lines after its end",
      (lines) => [...lines, lines[1]!],
      /expected nothing after the line of kind end/,
    ],
    [
      "a line of megabytes",
      (lines) => [lines[0]!, "x".repeat(300_000)],
      /lines of at most 262144 characters|expected a JSON object/,
    ],
  ])("refuses %s, with the line", async (_title, change, wanted) => {
    const lines = (await exported(from)).trimEnd().split("\n");
    const error = await take(to, text(change(lines))).catch((one) => one);
    expect(error).toMatchObject({ name: "ImportInvalid", code: 644 });
    expect(error.message).toMatch(wanted);
  });

  it("refuses a line of another device among a device's own", async () => {
    const file = (await exported(from)).replace(
      '"serial":"SN-1000","rolloutId"',
      '"serial":"SN-9999","rolloutId"',
    );
    const { refused } = await take(to, file);
    expect(refused[0]!.detail).toBe("device SN-1000: a line of SN-9999 is among its lines");
  });

  it("written dry changes nothing and tells the same", async () => {
    const file = await exported(from);
    const dry = await take(to, file, true);
    expect([dry.imported, await exported(to)]).toEqual([2, expect.not.stringContaining("SN-1000")]);
    expect(await to.tx((tx) => tx.events({ limit: 9 }))).toEqual([]);
  });
});

describe("an owner's export", () => {
  it("begins with the claim: what came before is a former owner's", async () => {
    const store = await openStore();
    await store.tx(async (tx) => {
      const serial = "SN-1000";
      const device = deviceRecord(serial, { account: "former" });
      await tx.putDevice(device);
      await tx.appendEvent({ kind: "x", serial, text: "former's" }, 10);
      await tx.appendVitals([{ serial, sequence: 7, atMs: 5, values: { batteryMv: [1] } }]);
      await tx.appendEvent({ kind: "claimCommitted", serial, text: "acme's" }, 20);
      await tx.appendVitals([{ serial, sequence: 7, atMs: 25, values: { batteryMv: [2] } }]);
      await tx.putDevice({ ...device, account: "acme" });
    });
    const file = await exported(store);
    expect(file).not.toMatch(/former|"atMs":5,/);
    expect(file).toMatch(/acme's/);
    expect(await exported(store, "former")).toMatch(/"end","counts":\{\}/);
    await store.close();
  });
});
