/** HELLO is unauthenticated: it changes nothing, row for row, whatever it says. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { encodeHello } from "../../../firmware/protocol/host/handshake.ts";
import { Lifecycle } from "../../../firmware/protocol/messages.ts";
import { type DeviceBench, openDeviceBench } from "../../support/deviceBench.ts";

let directory: string;
let bench: DeviceBench;
let rows: Database.Database;
const serials = ["PUCK-0001", "PUCK-0002", "PUCK-0003", "PUCK-0004"];
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "hello-"));
  bench = await openDeviceBench(join(directory, "fleet.db"));
  for (const serial of serials) await bench.shakeHands(await bench.device(serial));
  await bench.claim(serials[1]!);
  await bench.change(serials[2]!, { lifecycle: Lifecycle.Operating, epoch: 1 });
  await bench.change(serials[3]!, { lifecycle: Lifecycle.Retired });
  rows = new Database(join(directory, "fleet.db"), { readonly: true });
});
afterAll(async () => {
  rows.close();
  await bench.ports.store.close();
  rmSync(directory, { recursive: true });
});

/** Every row of every table. */
function everything(): string {
  const tables = rows.prepare("select name from sqlite_master where type = 'table'").all();
  const dump = (tables as { name: string }[]).map(({ name }) => [
    name,
    rows.prepare(`select * from "${name}"`).all(),
  ]);
  return JSON.stringify(dump);
}

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const hello = fc.record({
  version: fc.constantFrom(0, 1, 2),
  suite: fc.constantFrom(1, 2, 9),
  serial: fc.constantFrom(...serials, "NOBODY-1"),
  epoch: fc.integer({ min: 0, max: 3 }),
  nd: bytes(16),
  fw: bytes(8),
  bootCount: u32,
  handshakeCount: u32,
  kmId: fc.integer({ min: 0, max: 3 }),
});

it("changes no row of any table, whatever it says, whole, cut or with a byte changed", async () => {
  const before = everything();
  expect(before).toContain("PUCK-0001");
  await fc.assert(
    fc.asyncProperty(
      hello,
      fc.constantFrom(...serials),
      fc.constantFrom("fl", "gw/hall-1"),
      fc.option(fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 255 }))),
      async (fields, topic, route, change) => {
        const sent = encodeHello(fields as Parameters<typeof encodeHello>[0]);
        // The first two bytes say that it is a HELLO.
        if (change) sent[2 + (change[0] % (sent.length - 2))]! ^= change[1];
        bench.nowMs += 10_000;
        await bench.give(topic, sent, route);
        await bench.give(topic, sent.slice(0, 2 + ((change?.[0] ?? 0) % sent.length)), route);
        expect(everything()).toBe(before);
      },
    ),
    { numRuns: 150, seed: 7 },
  );
});
