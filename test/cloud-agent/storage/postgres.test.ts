/** What only a database that others share can do, and suffer. */
import pg from "pg";
import { describe, expect, it } from "vitest";
import { withoutPassword } from "../../../cloud-agent/core/address.ts";
import { openPostgresStore } from "../../../cloud-agent/storage/postgres.ts";
import { migrations } from "../../../cloud-agent/storage/schema.ts";
import type { Store } from "../../../cloud-agent/storage/store.ts";
import { hasPostgres, needsPostgres, newPostgresUrl } from "../../support/stores.ts";
import { deviceRecord } from "../fixtures.ts";

describe.skipIf(!hasPostgres)(`a PostgreSQL database${needsPostgres}`, () => {
  const open = (url: string) => openPostgresStore({ url, onError: () => undefined });

  it("keeps everything over a restart, and lets two agents start at once", async () => {
    const url = await newPostgresUrl();
    const [one, two] = await Promise.all([open(url), open(url)]);
    await one.tx((tx) => tx.putDevice(deviceRecord("SN-0001")));
    expect(await two.tx((tx) => tx.device("SN-0001"))).toEqual(deviceRecord("SN-0001"));
    await Promise.all([one.close(), two.close()]);
    const after = await open(url);
    expect(await after.tx((tx) => tx.device("SN-0001"))).toEqual(deviceRecord("SN-0001"));
    await after.close();
  });

  it("loses no update of two agents to one record", async () => {
    const url = await newPostgresUrl();
    const agents = [await open(url), await open(url)];
    await agents[0]!.tx((tx) => tx.putDevice(deviceRecord("SN-0001")));
    const add = (store: Store) =>
      store.tx(async (tx) => {
        const device = (await tx.device("SN-0001"))!;
        await new Promise((resolve) => setTimeout(resolve, 2));
        await tx.putDevice({ ...device, zombieContacts: device.zombieContacts + 1 });
      });
    await Promise.all(Array.from({ length: 20 }, (_, n) => add(agents[n % 2]!)));
    expect((await agents[1]!.tx((tx) => tx.device("SN-0001")))!.zombieContacts).toBe(20);
    await Promise.all(agents.map((agent) => agent.close()));
  });

  it("that ends a connection is told so by the transaction it took, and the next one works", async () => {
    const url = await newPostgresUrl();
    const [store, other] = [await open(url), new pg.Client({ connectionString: url })];
    await other.connect();
    const taken = store.tx(async (tx) => {
      await tx.putDevice(deviceRecord("SN-0001"));
      await other.query(
        "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted",
      );
      await tx.putDevice(deviceRecord("SN-0002"));
    });
    await expect(taken).rejects.toMatchObject({ name: "StoreUnreachable" });
    await other.end();
    expect(await store.tx((tx) => tx.countDevices())).toEqual({});
    await store.tx((tx) => tx.putDevice(deviceRecord("SN-0001")));
    expect(await store.tx((tx) => tx.countDevices())).toEqual({ 1: 1 });
    await store.close();
  });

  it("of a newer agent is refused by name and left as it is", async () => {
    const url = await newPostgresUrl();
    const newer = await open(url);
    await newer.tx((tx) => tx.putMeta("schemaVersion", "99"));
    await newer.close();
    await expect(open(url)).rejects.toMatchObject({
      name: "SchemaNewer",
      message: `database: expected schema version ${migrations.length} or lower, found 99`,
    });
  });
});

it("a PostgreSQL that is not there is told by its address, without the password", async () => {
  const url = "postgres://agent:secret@127.0.0.1:1/fleet";
  expect(withoutPassword(url)).toBe("postgres://agent:…@127.0.0.1:1/fleet");
  await expect(openPostgresStore({ url, onError: () => undefined })).rejects.toMatchObject({
    name: "StoreUnreachable",
    message: expect.stringMatching(
      /^database postgres:\/\/agent:…@127\.0\.0\.1:1\/fleet: expected a PostgreSQL that lets this agent in, got: connect ECONNREFUSED/,
    ),
  });
});
