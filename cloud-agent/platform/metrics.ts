/** What the agent measures of itself, for Prometheus. Names end in their unit; a counter begins at 0 with the process. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Store } from "../storage/store.ts";

/** Seconds: a check-in takes a few milliseconds; a quarter of a second is the bar (design §5). */
const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

/** A figure that is read when somebody asks: value by the value of its label. */
export type Read = () => Promise<Record<string, number>>;

export interface Metrics {
  /** Measures transactions, and counts the events of those that were committed. */
  watchStore(store: Store): Store;
  /** A message of a device: received, dealt with, answered and stored. */
  message(kind: string, ms: number): void;
  /** A reply of the API. @param route the pattern, never the path: paths hold serials */
  http(route: string, status: number, ms: number): void;
  /** Adds figures that are read when somebody asks. */
  gauge(name: string, help: string, label: string, read: Read): void;
  /** @returns all of them in Prometheus' text format */
  text(): Promise<string>;
  contentType: string;
}

export function createMetrics(now: () => number = () => performance.now()): Metrics {
  const register = new Registry();
  const seconds = (name: string, help: string, labelNames: string[]) =>
    new Histogram({ name, help, labelNames, buckets: secondsBuckets, registers: [register] });
  const transactions = seconds(
    "fleetling_store_transaction_seconds",
    "Transactions, from the wish to their end, waiting for others included",
    ["outcome"],
  );
  const messages = seconds(
    "fleetling_message_seconds",
    "Messages of devices, from their arrival until they were stored and answered",
    ["kind"],
  );
  const replies = seconds("fleetling_http_seconds", "Replies of the API", ["route", "status"]);
  const events = new Counter({
    name: "fleetling_events_total",
    help: "Events written to the log since the start",
    labelNames: ["kind"],
    registers: [register],
  });
  let isWatchingProcess = false;
  return {
    contentType: register.contentType,
    watchStore(store) {
      store.onEvents((all) => {
        for (const { kind } of all) events.inc({ kind });
      });
      return {
        onEvents: (listener) => store.onEvents(listener),
        close: () => store.close(),
        async tx(fn) {
          const begunMs = now();
          let outcome = "failed";
          try {
            const result = await store.tx(fn);
            outcome = "committed";
            return result;
          } finally {
            transactions.observe({ outcome }, (now() - begunMs) / 1000);
          }
        },
      };
    },
    message: (kind, ms) => messages.observe({ kind }, ms / 1000),
    http: (route, status, ms) => replies.observe({ route, status: String(status) }, ms / 1000),
    gauge(name, help, label, read) {
      new Gauge({
        ...{ name, help, labelNames: [label], registers: [register] },
        async collect() {
          const values = await read();
          this.reset();
          for (const [of, value] of Object.entries(values)) this.set({ [label]: of }, value);
        },
      });
    },
    text() {
      // Its observers stay for as long as the process: only for one that somebody asks.
      if (!isWatchingProcess) collectDefaultMetrics({ register });
      isWatchingProcess = true;
      return register.metrics();
    },
  };
}
