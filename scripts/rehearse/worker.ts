/** Plays one part of a rehearsal, turn by turn, as its parent says. */
import type {
  DeviceFacts,
  RolloutRecord,
  RolloutStep,
} from "../../cloud-agent/core/rollout/types.ts";
import type { VitalsSummary } from "../../cloud-agent/core/rollout/verdict/summary.ts";
import type { Rehearsal } from "./plan.ts";
import type { Recorder } from "./recorder.ts";
import { type Fate, Shard } from "./shard.ts";

export type Order =
  | {
      kind: "begin";
      plan: Rehearsal;
      part: number;
      parts: number;
      firmware: Record<string, string>;
    }
  | { kind: "live"; untilMs: number }
  | { kind: "apply"; before: RolloutRecord; step: RolloutStep }
  | { kind: "vitals"; serials: string[] }
  | { kind: "end"; endMs: number };

export interface News {
  changed: DeviceFacts[];
  /** by index among this part's devices, in the order in which they were first told of */
  seen: [index: number[], lastSeenMs: number[]];
}

export interface End {
  fates: Fate[];
  series: Recorder["series"];
  eventCounts: Record<string, number>;
  timeline: { atMs: number; kind: string; text: string }[];
  checkIns: number;
  events: number;
  deferred: number;
}

export type Reply = News | Record<string, VitalsSummary> | End | null;

let shard: Shard;

async function obey(order: Order): Promise<Reply> {
  switch (order.kind) {
    case "begin":
      shard = new Shard(order.plan, order.part, order.parts);
      await shard.populate(order.firmware);
      return shard.agent.news();
    case "live":
      await shard.liveUntil(order.untilMs);
      return shard.agent.news();
    case "apply":
      await shard.apply(order.before, order.step);
      return null;
    case "vitals":
      return shard.agent.vitalsOf(order.serials);
    case "end": {
      const { agent, recorder, queue } = shard;
      const { store } = agent;
      return {
        fates: shard.fates(order.endMs),
        series: recorder.series,
        eventCounts: Object.fromEntries(store.eventCounts),
        timeline: store.rolloutEvents.map(({ atMs, kind, text }) => ({ atMs, kind, text })),
        checkIns: agent.checkIns,
        events: queue.count,
        deferred: [...store.devices.values()].filter((one) => one.refused !== null).length,
      };
    }
  }
}

process.on("message", (order: Order) => {
  obey(order).then(
    (reply) => process.send!(reply),
    (error) => {
      process.stderr.write(`${(error as Error).stack ?? error}\n`);
      process.exit(1);
    },
  );
});
