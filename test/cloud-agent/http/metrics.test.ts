/** What an operator's Prometheus reads. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { addFleetMetrics } from "../../../cloud-agent/fleetMetrics.ts";
import { createMetrics } from "../../../cloud-agent/platform/metrics.ts";
import { deviceRecord, rolloutRecord } from "../fixtures.ts";
import { type Harness, harness } from "./harness.ts";

let api: Harness;
beforeEach(async () => {
  api = await harness();
});
afterEach(() => api.close());

/** Lines of the text format, name and labels to value. Source: Prometheus, exposition formats, version 0.0.4 */
function parse(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const match = /^([a-z_][a-z0-9_]*(?:\{(?:[a-z]+="[^"\\]*",?)*\})?) (\S+)$/i.exec(line);
      if (!match) throw new Error(`no line of the format: ${line}`);
      return [match[1]!, Number(match[2])];
    }),
  );
}

it("is text in Prometheus' format, counts replies by their route's pattern, and holds no serial", async () => {
  await api.store.tx((tx) => tx.putDevice(deviceRecord("SN-0001")));
  await api.call("GET", "/v1/devices/SN-0001", undefined, "viewer");
  await api.call("GET", "/v1/devices/SN-0002", undefined, "viewer");
  await api.call("GET", "/nowhere");
  const reply = await api.call("GET", "/metrics", undefined, "viewer");
  expect(reply.status).toBe(200);
  expect(reply.headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
  const figures = parse(reply.body);
  const count = (route: string, status: string) =>
    figures.get(`fleetling_http_seconds_count{route="${route}",status="${status}"}`);
  expect(count("GET /v1/devices/:serial", "200")).toBe(1);
  expect(count("GET /v1/devices/:serial", "404")).toBe(1);
  expect(count("GET unknown", "404")).toBe(1);
  expect(figures.get("process_resident_memory_bytes")).toBeGreaterThan(1e6);
  expect(reply.body).not.toContain("SN-0001");
});

it("counts the fleet as it is when asked, and forgets what is no more", async () => {
  const metrics = createMetrics();
  const store = metrics.watchStore(api.store);
  addFleetMetrics(metrics, store, { gateways: () => ["hall-1"], isConnected: () => true });
  const failing = store.tx(async (tx) => {
    await tx.appendEvent({ kind: "deviceBorn", text: "" }, 1);
    throw new Error("rolled back");
  });
  await expect(failing).rejects.toThrow("rolled back");
  await store.tx(async (tx) => {
    await tx.appendEvent({ kind: "deviceBorn", text: "" }, 1);
    for (const n of [1, 2]) await tx.putDevice(deviceRecord(`SN-000${n}`, { lifecycle: 3 }));
    await tx.putRollout(rolloutRecord("r1", { status: "running" }));
  });
  const first = parse(await metrics.text());
  const figures = (of: Map<string, number>) => [
    ...["operating", "claimed"].map((name) => of.get(`fleetling_devices{lifecycle="${name}"}`)),
    ...["running", "done"].map((name) => of.get(`fleetling_rollouts{status="${name}"}`)),
  ];
  expect(first.get('fleetling_events_total{kind="deviceBorn"}')).toBe(1);
  expect(first.get('fleetling_gateways{state="connected"}')).toBe(1);
  expect(first.get('fleetling_alerts_open{severity="critical"}')).toBe(0);
  const failed = first.get('fleetling_store_transaction_seconds_count{outcome="failed"}');
  expect(failed).toBe(1);
  await store.tx(async (tx) => {
    await tx.putRollout(rolloutRecord("r1", { status: "done" }));
  });
  const second = parse(await metrics.text());
  expect(figures(first).filter((value) => value !== undefined)).toEqual([2, 1]);
  expect(figures(second).filter((value) => value !== undefined)).toEqual([2, 1]);
  expect(second.get('fleetling_rollouts{status="running"}')).toBeUndefined();
});
