/** An agent that listens with stops and with a clock that jumps, and one device that comes, in virtual time: the pure parts
 *  of presence as the edges put them together, without a store. */
import {
  keepListening,
  type Listening,
  resumeListening,
} from "../../../cloud-agent/core/presence/listening.ts";
import { heard, judge } from "../../../cloud-agent/core/presence/presence.ts";
import type { DeviceRecord } from "../../../cloud-agent/core/records.ts";
import { deviceRecord } from "../fixtures.ts";

export const startMs = 1_800_000_000_000;

export class World {
  /** true time since the begin; devices live by it */
  nowMs = 0;
  /** what the wall clock is ahead of true time */
  wallAheadMs = 0;
  listening: Listening | null = null;
  isUp = false;
  events: { kind: string; atMs: number }[] = [];
  device: DeviceRecord;
  #offsetMs = 0;

  constructor(pauseS: number) {
    const checkInS = pauseS;
    this.device = deviceRecord("SN-0001", { lifecycle: 3, checkInS, nextCheckInS: pauseS });
    this.start();
  }

  get wallMs(): number {
    return startMs + this.nowMs + this.wallAheadMs;
  }
  get steadyMs(): number {
    return this.nowMs + this.#offsetMs;
  }

  start(): void {
    this.listening = resumeListening(this.listening, this.wallMs);
    this.#offsetMs = this.listening.steadyMs - this.nowMs;
    this.isUp = true;
  }
  stop(): void {
    this.isUp = false;
  }
  /** true time passes with a turn of the agent in each second */
  pass(ms: number): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; ) {
      this.nowMs += 1000;
      this.turn();
    }
  }
  turn(): void {
    if (!this.isUp) return;
    const now = { steadyMs: this.steadyMs, wallMs: this.wallMs };
    this.listening = keepListening(this.listening!, now);
    this.#take(judge(this.device, this.listening.gaps, now));
  }
  /** @returns whether anybody was there to hear it */
  comes(): boolean {
    if (this.isUp) {
      this.#take(heard(this.device, { steadyMs: this.steadyMs, wallMs: this.wallMs }));
    }
    return this.isUp;
  }
  #take({ device, event }: ReturnType<typeof heard>): void {
    this.device = device;
    if (event) this.events.push({ kind: event.kind, atMs: this.nowMs });
  }
}
