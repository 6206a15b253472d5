/** Commands and logs of devices from the terminal: what a person writes, reads, and is refused. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { nextCommand, takeCommandResult } from "../../cloud-agent/core/commands.ts";
import { Code } from "../../firmware/protocol/errors.ts";
import type { OrderResult } from "../../firmware/protocol/host/orderResult.ts";
import { deviceRecord } from "../cloud-agent/fixtures.ts";
import { type Harness, harness } from "../cloud-agent/http/harness.ts";
import { runFor } from "../support/command.ts";

let api: Harness;
let url = "";
beforeAll(async () => {
  api = await harness();
  url = await api.app.listen({ port: 0, host: "127.0.0.1" });
  for (const [serial, site] of [
    ["SN-0001", "attic"],
    ["SN-0002", "cellar"],
  ] as const)
    await api.store.tx((tx) => tx.putDevice(deviceRecord(serial, { lifecycle: 3, site })));
});
afterAll(() => api.close());

async function run(...words: string[]): Promise<string> {
  const { code, out, error } = await runFor(url, ["device", ...words]);
  return code === 0 ? out : error;
}

/** The device answers what waits for it. */
const answer = (told: Partial<OrderResult>) =>
  api.store.tx(async (tx) => {
    const device = (await tx.device("SN-0001"))!;
    const sent = await nextCommand(tx, device, api.clock.now);
    if (sent?.kind !== "command") throw new Error("expected a command that waits, found none");
    const result = { kind: "orderResult", orderId: sent.orderId, code: Code.Ok, ...told } as const;
    await tx.putDevice(await takeCommandResult(tx, device, result, api.clock.now));
    return sent;
  });

it("a command goes out with its argument, and its result is listed", async () => {
  expect(await run("command", "SN-0001", "dim", "40", "--expires", "1h")).toMatch(
    /^SN-0001: command \d+ \(dim\) goes out at its next contact, until \d{4}-.*Z\n$/,
  );
  expect(await answer({ value: "dim" })).toMatchObject({ name: "dim", argument: 40 });
  await run("command", "SN-0001", "light", "true", "--expires", "10m");
  const sent = await answer({ code: Code.CommandThrew, value: "no lamp" });
  expect(sent).toMatchObject({ name: "light", argument: true });
  const lines = (await run("commands", "SN-0001")).split("\n").map((line) => line.split(/ {2,}/));
  expect(lines[0]!.slice(1, 6)).toEqual(["command", "argument", "state", "code", "result"]);
  expect(lines[1]!.slice(1, 6)).toEqual(["light", "true", "failed", "157", "no lamp"]);
  expect(lines[2]!.slice(1, 6)).toEqual(["dim", "40", "done", "0", "dim"]);
}, 60_000);

it("a command for all that filters mean names how many, and needs a filter", async () => {
  const all = ["command-all", "identify", "--expires", "1h"];
  expect(await run(...all, "--site", "cellar")).toBe(
    "1 devices run identify at their next contact\n",
  );
  expect(await run(...all)).toMatch(/^FLAG_INVALID: --site, --group, …: expected at least one/);
}, 60_000);

it("a log is asked for and shown with how the start before ended", async () => {
  expect(await run("log", "SN-0001")).toBe("SN-0001: none\n");
  expect(await run("log", "SN-0001", "--ask")).toMatch(/^SN-0001 tells its log at its next/);
  const ended = { code: 208, text: "no floor", log: "falls" };
  await answer({ log: { resetReason: 5, log: "begins|hot", ended } });
  expect((await run("log", "SN-0001")).split("\n").slice(1)).toEqual([
    ...["  begins", "  hot"],
    ...["  the start before ended with code 208: no floor", "    falls", ""],
  ]);
}, 60_000);

it("what cannot be is refused in words", async () => {
  expect(await run("command", "SN-0001", "dim", "--expires", "soon")).toBe(
    "FLAG_INVALID: --expires: expected a time like 30m, 4h or 7d, got soon. See --help.\n",
  );
  expect(await run("command", "SN-0001", "dim")).toMatch(/required option '--expires <time>'/);
  expect(await run("command", "SN-0009", "dim", "--expires", "1h")).toMatch(/^UnknownDevice: /);
}, 60_000);
