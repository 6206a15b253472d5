/** The claim over a carrier that loses, repeats and reorders, with two agent processes over one store and restarts at any
 *  moment: device code in Node against the real session service. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { type Contact, createContact } from "../../../cloud-agent/session/contact.ts";
import type { Heard, HostDevice } from "../../../firmware/protocol/host/hostDevice.ts";
import { Lifecycle } from "../../../firmware/protocol/messages.ts";
import { type DeviceBench, openDeviceBench } from "../../support/deviceBench.ts";

const serial = "PUCK-0001";

/** One device, two agents, and what is on its way between them. */
class World {
  readonly #bench: DeviceBench;
  readonly #device: HostDevice;
  readonly #agents: Contact[];
  #up: Uint8Array[] = [];
  #down: Uint8Array[] = [];
  #reports = 0;
  /** counters of frames that the device took, per session */
  readonly #heard = new Set<string>();

  private constructor(bench: DeviceBench, device: HostDevice) {
    this.#bench = bench;
    this.#device = device;
    this.#agents = [createContact(bench.ports), createContact(bench.ports)];
  }

  static async open(): Promise<World> {
    const bench = await openDeviceBench();
    const device = await bench.device(serial);
    await bench.claim(serial);
    return new World(bench, device);
  }

  /** One thing that happens. @param pick which message, by chance */
  async step(what: number, pick: number): Promise<void> {
    this.#bench.nowMs += 1_500;
    const { length } = what === 3 || what === 5 ? this.#up : this.#down;
    const at = length === 0 ? -1 : pick % length;
    if (what === 0) this.#up.push(this.#device.hello());
    else if (what === 1) this.#report();
    else if (what === 2) this.#device.reboot();
    else if (what === 3 && at >= 0) await this.#give(this.#up.splice(at, 1)[0]!, pick);
    else if (what === 4 && at >= 0) this.#hear(this.#down.splice(at, 1)[0]!);
    // Delivered, and still on its way: it comes again.
    else if (what === 5 && at >= 0) await this.#give(this.#up[at]!, pick);
    else if (what === 6 && at >= 0) this.#hear(this.#down[at]!);
    else if (what === 7) this.#agents[pick % 2] = createContact(this.#bench.ports);
    else if (what === 8) await this.#forge(pick);
    else if (what === 9) (pick % 2 ? this.#up : this.#down).shift();
    // More than a few on their way would make every pair that matters rare.
    this.#up = this.#up.slice(-3);
    this.#down = this.#down.slice(-3);
    await this.#expectNothingTwice();
  }

  /** Nothing is lost any more. */
  async calm(): Promise<void> {
    this.#up = [];
    this.#down = [];
    for (let round = 0; round < 6; round++) {
      this.#bench.nowMs += 20_000;
      this.#up.push(this.#device.hello());
      for (let i = 0; i < 20 && this.#up.length + this.#down.length > 0; i++) {
        const up = this.#up.shift();
        if (up) await this.#give(up, round);
        const down = this.#down.shift();
        if (down) this.#hear(down);
      }
    }
  }

  async expectClaimed(): Promise<void> {
    const record = await this.#bench.record(serial);
    expect([record.lifecycle, record.epoch, record.grantPending]).toEqual([
      Lifecycle.Operating,
      1,
      false,
    ]);
    expect([this.#device.epoch, this.#device.info.lifecycle]).toEqual([1, Lifecycle.Operating]);
    const rows = await this.#bench.ports.store.tx((tx) => tx.vitals({ serial, limit: 1000 }));
    expect(rows.length).toBeGreaterThan(1);
    const committed = await this.#bench.events("claimCommitted", serial);
    expect(committed).toHaveLength(1);
  }

  close(): Promise<void> {
    return this.#bench.ports.store.close();
  }

  #report(): void {
    this.#mark();
    if (this.#device.hasSession) this.#up.push(this.#device.seal(this.#device.checkIn()));
  }

  /** Each check-in says something that no other one says. */
  #mark(): void {
    const number = ++this.#reports;
    this.#device.vitals = { "m.report": [number, number, number] };
  }

  async #give(bytes: Uint8Array, pick: number): Promise<void> {
    const agent = this.#agents[pick % 2]!;
    await agent.handle("fl", serial, bytes, (answer) => void this.#down.push(answer));
  }

  #hear(bytes: Uint8Array): void {
    this.#mark();
    let heard: Heard;
    try {
      heard = this.#device.hear(bytes);
    } catch (error) {
      // A CHAL for an older HELLO: the device counts it and goes on.
      expect(error).toMatchObject({ name: "CodedError" });
      return;
    }
    if (heard.kind === "challenge") this.#up.push(heard.prove);
    if (heard.kind !== "message") return;
    const frame = Buffer.from(bytes.subarray(1, 9)).toString("hex");
    expect(this.#heard.has(frame)).toBe(false);
    this.#heard.add(frame);
    if (heard.message.kind === "grant") {
      this.#up.push(this.#device.seal(this.#device.accept(heard.message)));
    }
  }

  /** A stranger's bytes: made up, or one of the device's with a bit changed. They change nothing of the device's record
   *  and session. */
  async #forge(pick: number): Promise<void> {
    const { store } = this.#bench.ports;
    const state = () =>
      store.tx(async (tx) => JSON.stringify([await tx.device(serial), await tx.session(serial)]));
    const before = await state();
    const own = this.#up.at(-1);
    const bytes = own ? own.slice() : new Uint8Array(40).fill(pick);
    bytes[pick % bytes.length]! ^= 1 << (pick % 8);
    await this.#agents[0]!.handle("fl", serial, bytes, () => undefined);
    expect(await state()).toBe(before);
  }

  async #expectNothingTwice(): Promise<void> {
    const rows = await this.#bench.ports.store.tx((tx) => tx.vitals({ serial, limit: 1000 }));
    const reports = rows.map((row) => row.values["m.report"]?.[2]);
    expect(new Set(reports).size).toBe(reports.length);
  }
}

it("ends in a claimed device, takes no frame twice and nothing from strangers, whatever is lost, repeated or reordered", async () => {
  // Sending and delivering are likelier than harm: else nothing would ever get through.
  const kinds = [0, 1, 1, 1, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 2, 7, 8, 9];
  const step = fc.tuple(fc.constantFrom(...kinds), fc.nat(1000));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const world = await World.open();
      try {
        for (const what of [0, 3, 4, 3]) await world.step(what, 0);
        for (const [what, pick] of steps) await world.step(what, pick);
        await world.calm();
        await world.expectClaimed();
      } finally {
        await world.close();
      }
    }),
    { numRuns: 80, seed: 11 },
  );
});

it("lets any of two processes take the PROVE, whichever gave the CHAL, and keeps one session", async () => {
  const world = await World.open();
  for (const [what, pick] of [
    [0, 0],
    [3, 0],
    [4, 0],
    [3, 1],
    [4, 0],
  ] as const) {
    await world.step(what, pick);
  }
  await world.calm();
  await world.expectClaimed();
  await world.close();
});
