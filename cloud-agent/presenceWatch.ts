/** Keeps the listening clock and finds the devices that did not come in time. What it knows is in the store. */
import type { Clock, Log } from "./core/ports.ts";
import { judgedMax, noteMs } from "./core/presence/limits.ts";
import { keepListening, type Listening, resumeListening } from "./core/presence/listening.ts";
import { judge } from "./core/presence/presence.ts";
import type { Store, Tx } from "./storage/store.ts";

const metaName = "listening";

export interface PresenceWatch {
  /** the listening clock */
  steadyMs(): number;
  /** as of the last turn */
  listening(): Listening;
  /** Judges what is due. Never throws: what could not be judged is told in the log and judged in the next turn. */
  turn(): Promise<void>;
}

/** Goes on where the agent before it stopped. Call before devices can connect. */
export async function openPresenceWatch(deps: {
  store: Store;
  clock: Clock;
  log: Log;
}): Promise<PresenceWatch> {
  const { store, clock, log } = deps;
  const evenMs = () => clock.monotonicMs?.() ?? clock.nowMs();
  let listening = await store.tx(async (tx) => {
    const before: Listening | null = JSON.parse((await tx.meta(metaName)) ?? "null");
    const now = resumeListening(before, clock.nowMs());
    await tx.putMeta(metaName, JSON.stringify(now));
    return now;
  });
  let notedMs = listening.steadyMs;
  const offsetMs = listening.steadyMs - evenMs();
  const steadyMs = () => Math.max(listening.steadyMs, evenMs() + offsetMs);

  async function judgeDue(tx: Tx): Promise<number> {
    const now = { steadyMs: listening.steadyMs, wallMs: listening.wallMs };
    const due = await tx.devicesToJudge(now.steadyMs, judgedMax);
    for (const device of due) {
      const judged = judge(device, listening.gaps, now);
      await tx.putDevice(judged.device);
      if (judged.event) await tx.appendEvent(judged.event, now.wallMs);
    }
    return due.length;
  }

  return {
    steadyMs,
    listening: () => listening,
    async turn() {
      try {
        const before = listening;
        listening = keepListening(before, { steadyMs: steadyMs(), wallMs: clock.nowMs() });
        // A gap is stored before anybody is judged: an agent killed here must not hold it against them.
        if (listening.gaps !== before.gaps || listening.steadyMs - notedMs >= noteMs) {
          notedMs = listening.steadyMs;
          await store.tx((tx) => tx.putMeta(metaName, JSON.stringify(listening)));
        }
        // Short transactions: check-ins come in between.
        while ((await store.tx(judgeDue)) === judgedMax);
      } catch (err) {
        log.error({ err }, "presence turn failed; the next one tries again");
      }
    },
  };
}
