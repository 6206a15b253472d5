/** Commands and logs through the API: who may order them, what is refused, and what is read of them. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { nextCommand, takeCommandResult } from "../../../cloud-agent/core/commands.ts";
import { Code } from "../../../firmware/protocol/errors.ts";
import { birthRecord, deviceRecord } from "../fixtures.ts";
import { releaseOf } from "../rollout/fleet.ts";
import { type Harness, harness } from "./harness.ts";

const serial = "SN-0001";
const url = `/v1/devices/${serial}/commands`;
const body = { name: "identify", expiresS: 3600 };
let api: Harness;
beforeEach(async () => {
  api = await harness();
});
afterEach(() => api.close());

const put = (name: string, changes: object) =>
  api.store.tx((tx) => tx.putDevice(deviceRecord(name, { lifecycle: 3, ...changes })));

/** The device takes what waits for it and answers. */
async function answer(value: string): Promise<void> {
  await api.store.tx(async (tx) => {
    const device = (await tx.device(serial))!;
    const sent = await nextCommand(tx, device, api.clock.now);
    const orderId = sent?.kind === "command" ? sent.orderId : 0;
    const isLog = sent?.kind === "command" && sent.name === null;
    const log = { resetReason: 5, log: "a|b", ended: { code: 208, text: value, log: "" } };
    const result = { kind: "orderResult", orderId, code: Code.Ok } as const;
    const told = isLog ? { ...result, log } : { ...result, value };
    await tx.putDevice(await takeCommandResult(tx, device, told, api.clock.now));
  });
}

describe("a command", () => {
  it("by an operator waits for the device, which is told at once, and is listed with its result", async () => {
    await put(serial, {});
    const reply = await api.call("POST", url, { ...body, argument: 40 }, "operator");
    expect(reply.status).toBe(202);
    expect(reply.body).toMatchObject({
      ...{ serial, name: "identify", argument: 40, person: "operator", state: "queued" },
      ...{ expiresMs: api.clock.now + 3_600_000, code: null, result: null },
    });
    expect(api.nudged).toEqual([serial]);
    await answer("lit");
    const list = await api.call("GET", url, undefined, "viewer");
    expect(list.body.commands).toMatchObject([
      { id: reply.body.id, state: "done", code: 0, result: "lit" },
    ]);
  });

  it.each(["viewer", "installer", "releaser", "approver", "line"] as const)(
    "is refused to a %s",
    async (role) => {
      await put(serial, {});
      expect((await api.call("POST", url, body, role)).body.name).toBe("Forbidden");
    },
  );

  it.each([
    ["a name out of form", { name: "9 lives" }],
    ["a name that is too long", { name: "a".repeat(17) }],
    ["no end", { expiresS: undefined }],
    ["an end in a moment", { expiresS: 9 }],
    ["an end after a month", { expiresS: 2_592_001 }],
    ["a text that is too long", { argument: "x".repeat(49) }],
    ["a text that a device would not print", { argument: "22 \u00b0C" }],
    ["a fraction", { argument: 0.5 }],
    ["more than 32 bits", { argument: 2_147_483_648 }],
    ["an object", { argument: {} }],
  ])("with %s is refused", async (_name, changes) => {
    await put(serial, {});
    const reply = await api.call("POST", url, { ...body, ...changes });
    expect([reply.status, reply.body.name]).toEqual([400, "RequestInvalid"]);
    expect((await api.call("GET", url)).body.commands).toEqual([]);
  });

  it.each([
    ["an unclaimed device", { lifecycle: 1 }, "DeviceNotOperating"],
    ["a device that is wiped now", { lifecycle: 5 }, "DeviceWiping"],
    ["a retired device", { lifecycle: 6 }, "DeviceRetired"],
    ["a device with eight of them", { commands: { open: 8, lastId: 1 } }, "CommandsFull"],
  ])("is refused for %s", async (_name, changes, name) => {
    await put(serial, changes);
    const reply = await api.call("POST", url, body);
    expect([reply.status, reply.body.name]).toEqual([409, name]);
    expect(api.nudged).toEqual([]);
  });

  it("of a name that the running release does not declare is refused, with the names that it does", async () => {
    await put(serial, { runningSequence: 7 });
    const { classId } = deviceRecord(serial).birth;
    const release = (commands: string[] | undefined) => {
      const [image] = releaseOf().images;
      const images = [{ ...image!, classId, commands }];
      return api.store.tx((tx) => tx.putRelease({ ...releaseOf(), sequence: 7, images }));
    };
    await release(["dim", "light"]);
    const reply = await api.call("POST", url, body);
    expect([reply.status, reply.body.name, reply.body.detail]).toEqual([
      ...[422, "CommandUnknown"],
      `device ${serial}: release 7 declares commands dim, light, got identify`,
    ]);
    expect((await api.call("POST", url, { ...body, name: "dim" })).status).toBe(202);
    await release([]);
    expect((await api.call("POST", url, body)).body.detail).toMatch(/declares commands none/);
    expect((await api.call("POST", `/v1/devices/${serial}/logs`, { expiresS: 60 })).status).toBe(
      202,
    );
    // A release file from before commands tells none: the device decides.
    await release(undefined);
    expect((await api.call("POST", url, body)).status).toBe(202);
  });

  it("is refused, as its list is, for an unknown device", async () => {
    expect((await api.call("POST", url, body)).body.name).toBe("UnknownDevice");
    expect((await api.call("GET", url)).body.name).toBe("UnknownDevice");
  });
});

describe("a command for all that a filter means", () => {
  it("reaches the claimed ones and names those that cannot take it, and why", async () => {
    await put("SN-0001", { site: "attic" });
    await put("SN-0002", { site: "attic", birth: birthRecord("SN-0002", { model: "lamp" }) });
    await put("SN-0003", { site: "attic", lifecycle: 1 });
    await put("SN-0004", { site: "cellar" });
    const filter = { site: "attic" };
    const reply = await api.call("POST", "/v1/commands", { ...body, filter }, "operator");
    expect([reply.status, reply.body]).toEqual([
      202,
      {
        ordered: ["SN-0001", "SN-0002"],
        refused: [
          { serial: "SN-0003", code: 611, detail: "device SN-0003: nobody has claimed it" },
        ],
      },
    ]);
    expect(api.nudged).toEqual(["SN-0001", "SN-0002"]);
  });

  it.each([[{}], [{ sight: "attic" }]])("is refused with filter %o", async (filter) => {
    await put(serial, {});
    const reply = await api.call("POST", "/v1/commands", { ...body, filter });
    expect(reply.body.name).toBe("RequestInvalid");
  });
});

describe("the log of a device", () => {
  const logs = `/v1/devices/${serial}/logs`;
  it.each(["operator", "installer"] as const)("is told on the order of an %s", async (role) => {
    await put(serial, {});
    const reply = await api.call("POST", logs, { expiresS: 600 }, role);
    expect([reply.status, reply.body.name]).toEqual([202, null]);
    expect((await api.call("GET", logs)).body).toEqual({ logs: [] });
    await answer("no floor");
    expect((await api.call("GET", logs, undefined, "viewer")).body.logs).toMatchObject([
      { id: reply.body.id, lines: ["a", "b"], ended: { code: 208, text: "no floor", lines: [] } },
    ]);
  });
  it.each(["viewer", "line"] as const)("is not ordered by a %s", async (role) => {
    await put(serial, {});
    expect((await api.call("POST", logs, { expiresS: 600 }, role)).body.name).toBe("Forbidden");
  });
  it("goes with what is erased of a device, as its commands do", async () => {
    await put(serial, {});
    await api.call("POST", logs, { expiresS: 600 });
    await answer("x");
    await put(serial, { lifecycle: 6 });
    const gone = await api.call("DELETE", `/v1/devices/${serial}/data`);
    expect(gone.body).toMatchObject({ commands: 1, logs: 1 });
    expect((await api.call("GET", logs)).body).toEqual({ logs: [] });
    expect((await api.call("GET", url)).body).toEqual({ commands: [] });
  });
});
