import type { AgentApi } from "../story/api.ts";
import type { DeviceLine, EventLine, RolloutDetail } from "./api.ts";

/** What the agent said last. */
export interface Snapshot {
  agentAnswers: boolean;
  devices: Map<string, DeviceLine>;
  /** all events so far, oldest first */
  events: EventLine[];
  /** the newest rollout */
  rollout: RolloutDetail | null;
}

const everyMs = 250;
/** Far above what a slow machine takes: a wait ends by its condition, this only ends a demo that hangs. */
const waitLimitMs = 240_000;

/** Looks at the agent through its API again and again, also while it is down, and lets chapters wait for what they
 *  expect to see there. */
export class Watch {
  readonly snapshot: Snapshot = {
    agentAnswers: false,
    devices: new Map(),
    events: [],
    rollout: null,
  };
  readonly #api: AgentApi;
  readonly #listeners = new Set<(fresh: EventLine[]) => void>();
  readonly #signal: AbortSignal;
  #timer: NodeJS.Timeout | null = null;
  #isStopped = false;
  #lastError = "";

  constructor(api: AgentApi, signal: AbortSignal) {
    this.#api = api;
    this.#signal = signal;
  }

  start(): void {
    void this.#turn();
  }
  stop(): void {
    this.#isStopped = true;
    if (this.#timer) clearTimeout(this.#timer);
  }

  /** Called after every look. @param listener is given the events that are new */
  onLook(listener: (fresh: EventLine[]) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Waits until `probe` finds something in the snapshot.
   *  @throws Error naming what was waited for, with the last error of the agent's API; the signal's reason */
  async waitFor<T>(
    what: string,
    probe: (seen: Snapshot) => T | null | undefined | false,
    limitMs = waitLimitMs,
  ): Promise<T> {
    const end = Date.now() + limitMs;
    for (;;) {
      this.#signal.throwIfAborted();
      const found = probe(this.snapshot);
      if (found) return found;
      if (Date.now() > end) {
        throw new Error(`waited ${limitMs / 1000} s for ${what}. ${this.#lastError}`);
      }
      await pause(50, this.#signal);
    }
  }

  async #turn(): Promise<void> {
    let fresh: EventLine[] = [];
    try {
      fresh = await this.#look();
      this.snapshot.agentAnswers = true;
      this.#lastError = "";
    } catch (error) {
      // A killed agent does not answer; the next look may find it again.
      this.snapshot.agentAnswers = false;
      this.#lastError = `The agent's API said: ${(error as Error).message}`;
    }
    for (const listener of this.#listeners) listener(fresh);
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.#turn(), everyMs);
  }

  /** Reads everything, then changes the snapshot at once: whoever waits never sees half of a look. */
  async #look(): Promise<EventLine[]> {
    const { snapshot } = this;
    const { devices } = await this.#api.must("GET", "/v1/devices?limit=500");
    const { rollouts } = await this.#api.must("GET", "/v1/rollouts");
    const newest = (rollouts as { id: string; sequence: number; status: string }[])
      .filter((one) => one.status !== "draft")
      .sort((a, b) => b.sequence - a.sequence)[0];
    const rollout = newest ? await this.#api.must("GET", `/v1/rollouts/${newest.id}`) : null;
    const fresh = await eventsAfter(this.#api, snapshot.events.at(-1)?.id ?? 0);
    for (const device of devices as DeviceLine[]) snapshot.devices.set(device.serial, device);
    snapshot.rollout = rollout;
    snapshot.events.push(...fresh);
    return fresh;
  }
}

/** All events of the agent's log after a number, oldest first. */
export async function eventsAfter(api: AgentApi, afterId: number): Promise<EventLine[]> {
  const found: EventLine[] = [];
  for (let after: number | null = afterId; after !== null; ) {
    const page: { events: EventLine[]; next: number | null } = await api.must(
      "GET",
      `/v1/events?limit=500&afterId=${after}`,
    );
    found.push(...page.events);
    after = page.next;
  }
  return found;
}

/** Waits. @throws the signal's reason when it is given up */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
  });
}
