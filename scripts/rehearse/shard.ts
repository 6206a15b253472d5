/** A part of the fleet with its part of the agent: what one process plays. */
import { type Board, boards } from "../../boards/index.ts";
import type { DeviceRecord } from "../../cloud-agent/core/records.ts";
import type { RolloutRecord, RolloutStep } from "../../cloud-agent/core/rollout/types.ts";
import { Code } from "../../firmware/protocol/errors.ts";
import { Lifecycle, Msg, ResetReason, SlotState } from "../../firmware/protocol/messages.ts";
import { Dice } from "../sim/field/dice.ts";
import { field } from "../sim/field/model.ts";
import { Site } from "../sim/field/site.ts";
import { Agent } from "./agent.ts";
import { BoardWorld, interpreter } from "./boardWorld.ts";
import { handshakeBytes, messageBytes } from "./bytes.ts";
import { Device } from "./device.ts";
import { natureOf } from "./nature.ts";
import type { Rehearsal } from "./plan.ts";
import { EventQueue } from "./queue.ts";
import { Recorder } from "./recorder.ts";
import { planOf, type RehearsedImage } from "./releaseFile.ts";
import { dayMs, hourMs, minuteMs, startMs } from "./times.ts";

/** What became of one device. */
export interface Fate {
  serial: string;
  board: string;
  sequence: number;
  state: SlotState;
  starts: number;
  isVanished: boolean;
  isEmpty: boolean;
  isCutOff: boolean;
  trialIsOverdue: boolean;
  busyMs: number;
  bytesUp: number;
  bytesDown: number;
}

export class Shard {
  readonly queue = new EventQueue(startMs);
  readonly agent: Agent;
  readonly recorder: Recorder;
  readonly #devices = new Map<string, Device>();
  readonly #plan: Rehearsal;
  readonly #part: number;
  readonly #parts: number;
  readonly #payloads = new Map<string, Uint8Array>();

  /** @param part which of so many parts: every device's nature is the same whatever part it is in */
  constructor(plan: Rehearsal, part: number, parts: number) {
    this.#plan = plan;
    this.#part = part;
    this.#parts = parts;
    // Vitals change with every check-in; records that only differ in them are told of where an expression may read them.
    const isAskedForVitals = /"(where|saved\w*)":/.test(JSON.stringify(plan.policy));
    const dice = new Dice(plan.seed + 1 + part);
    this.agent = new Agent(this.queue, dice, plan.checkInS, isAskedForVitals);
    this.recorder = new Recorder(startMs, plan.release.record.sequence);
  }

  /** @param firmware text of each board */
  async populate(firmware: Record<string, string>): Promise<void> {
    const { release, seed, devices, faults, planted, days, checkInS } = this.#plan;
    await this.#publish();
    const worlds = new Map<string, BoardWorld>();
    for (const { record } of release.images) {
      const board = boards[record.board as keyof typeof boards] as Board;
      if (worlds.has(board.id)) continue;
      const world = new BoardWorld(board, firmware[board.id]!, (bytes) => this.#verdict(bytes));
      worlds.set(board.id, world);
    }
    const dice = new Dice(seed);
    const sites = Array.from(
      { length: Math.max(field.sites, Math.round(devices / 50)) },
      () => new Site(dice, startMs, days + 1, faults.outages),
    );
    const newSequence = release.record.sequence;
    for (let index = 0; index < devices; index++) {
      const at = Math.floor(dice.next() * sites.length);
      const own = new Dice(Math.floor(dice.next() * 2 ** 32));
      if (index % this.#parts !== this.#part) continue;
      // Boards take turns within a part, so that every part has all of them.
      const image = release.images[Math.floor(index / this.#parts) % release.images.length]!;
      const world = worlds.get(image.record.board)!;
      const given = { faults, planted, newSequence, checkInS };
      const nature = natureOf(own, world.board, sites[at]!, given);
      const before = this.#before(image, world);
      const name = world.board.id.slice(0, 4).toUpperCase();
      const serial = `${name}-${String(index).padStart(6, "0")}`;
      const device = new Device(serial, world, nature, this.queue, {
        uplink: (one, message) => this.#uplink(one, message),
        payloads: this.#payloads,
        beginning: { ...before, checkInS: nature.checkInS, nowMs: startMs },
      });
      this.#devices.set(serial, device);
      const known = { site: `site-${at}`, sequence: before.sequence, digest: before.digest };
      await this.#enrol(device, image, known);
      this.#schedule(device);
    }
  }

  async liveUntil(untilMs: number): Promise<void> {
    while (this.queue.nowMs < untilMs) {
      const nextMs = Math.min(untilMs, this.recorder.nextMs);
      await this.queue.runUntil(nextMs);
      if (nextMs === this.recorder.nextMs) this.recorder.sample(this.agent.store.devices.values());
    }
  }

  /** Does what a step decided; devices that are connected are told at once, sleepers at their next contact. */
  async apply(before: RolloutRecord, step: RolloutStep): Promise<void> {
    const serials = await this.agent.apply(before, step);
    for (const serial of new Set(serials)) {
      const device = this.#devices.get(serial);
      if (device === undefined || device.nature.isSleeper || !device.isHeard) continue;
      this.#downlink(device, await this.agent.waiting(serial));
    }
  }

  fates(endMs: number): Fate[] {
    return [...this.#devices.values()].map((device) => ({
      serial: device.serial,
      board: device.world.board.id,
      sequence: device.sequence,
      state: device.state,
      starts: device.starts,
      isVanished: device.isVanished,
      isEmpty: device.cell.isEmpty,
      isCutOff: device.isCutOff(endMs),
      trialIsOverdue: device.trialIsOverdue(endMs),
      busyMs: device.busyMs,
      bytesUp: device.bytesUp,
      bytesDown: device.bytesDown,
    }));
  }

  /** Whose envelope it is, is known by its bytes; what the profile makes of it, by its manifest. */
  #verdict(envelope: Uint8Array) {
    const all = [...this.#plan.release.images, ...(this.#plan.from?.images ?? [])];
    const image = all.find((one) => Buffer.compare(one.envelope, envelope) === 0);
    return image === undefined ? Code.ManifestMalformed : planOf(image);
  }

  async #publish(): Promise<void> {
    const { release, from } = this.#plan;
    await this.agent.store.tx(async (tx) => {
      for (const one of from === undefined ? [release] : [from, release]) {
        await tx.putRelease(one.record);
        for (const { record, envelope, payload } of one.images) {
          await tx.putBlob(0, one.record.sequence, record.classId, envelope);
          await tx.putBlob(1, one.record.sequence, record.classId, payload);
          this.#payloads.set(record.digest, payload);
        }
      }
    });
  }

  /** What runs when it begins. */
  #before(image: RehearsedImage, world: BoardWorld) {
    const { from, release } = this.#plan;
    const known = from?.images.find((one) => one.record.classId === image.record.classId);
    const payload = known?.payload ?? olderThan(image.payload);
    const sequence = from?.record.sequence ?? release.record.sequence - 1;
    return { sequence, payload, digest: world.digestOf(payload) };
  }

  async #enrol(
    device: Device,
    { record: image, manifest }: RehearsedImage,
    known: { site: string; sequence: number; digest: Uint8Array },
  ): Promise<void> {
    const { serial, world, nature } = device;
    const record: DeviceRecord = {
      ...deviceDefaults,
      serial,
      birth: {
        ...{ serial, model: "rehearsed", board: world.board.id, hardwareRev: 1, batch: "1" },
        ...{ salt: "", kmId: 1, codeHash: "", receiptPublic: "", bornAt: "", station: "" },
        vendorId: Buffer.from(manifest.vendorId).toString("hex"),
        classId: image.classId,
      },
      site: known.site,
      runningSequence: known.sequence,
      runningDigest: Buffer.from(known.digest.subarray(0, 8)).toString("hex"),
      checkInS: nature.checkInS,
      nextCheckInS: nature.checkInS,
      lastSeenMs: nature.wakesAfterMs > dayMs ? startMs - 9 * dayMs : startMs - hourMs / 2,
      interpreter,
    };
    await this.agent.store.tx((tx) => tx.putDevice(record));
  }

  #schedule(device: Device): void {
    const { nature } = device;
    const { dice } = nature;
    const { powerCuts } = this.#plan.faults;
    this.queue.at(startMs + nature.wakesAfterMs, () => device.start(ResetReason.PowerOn));
    if (nature.vanishesAfterMs < this.#plan.days * dayMs) {
      this.queue.at(startMs + nature.vanishesAfterMs, () => device.vanish());
    }
    if (powerCuts <= 0) return;
    const cut = () => {
      this.queue.at(this.queue.nowMs + dice.exponential(dayMs / powerCuts), () => {
        device.powerCut(1_000 + dice.exponential(2 * minuteMs));
        cut();
      });
    };
    cut();
  }

  #uplink(device: Device, message: unknown[]): void {
    const { nature, world } = device;
    const isHandshake = message[0] === Msg.Hello;
    const bytes = isHandshake ? handshakeBytes / 2 : messageBytes(message[1], world.board.link);
    device.bytesUp += bytes;
    this.recorder.noteBytes(bytes);
    if (!device.isHeard || nature.dice.isHit(nature.loss)) return;
    this.queue.at(this.queue.nowMs + nature.latencyMs, async () => {
      this.#downlink(device, await this.agent.take(device.serial, message));
    });
  }

  #downlink(device: Device, messages: unknown[][]): void {
    const { nature, world } = device;
    let atMs = this.queue.nowMs + nature.latencyMs;
    for (const message of messages) {
      const isHandshake = message[0] === Msg.Chal;
      const bytes = isHandshake ? handshakeBytes / 2 : messageBytes(message[1], world.board.link);
      device.bytesDown += bytes;
      this.recorder.noteBytes(bytes);
      if (!nature.dice.isHit(nature.loss)) this.queue.at(atMs, () => device.deliver(message));
      atMs += 5;
    }
  }
}

const deviceDefaults: Omit<DeviceRecord, "serial" | "birth"> = {
  ...{ lifecycle: Lifecycle.Operating, epoch: 1, grantPending: false, claimId: null },
  ...{ claimPopKey: null, claimIntentUntilMs: null, account: null, group: null, site: null },
  ...{ tags: [], runningSequence: 0, runningDigest: "", slotState: SlotState.Confirmed, floor: 0 },
  ...{ otherSequence: 0, otherValid: false, interpreter, resetReason: 1, lastSeenMs: null },
  ...{ nextCheckInS: 0, checkInS: 0, settingsRevision: 0, keySetVersion: 1, lastFailed: null },
  ...{ refused: null, download: null, zombieContacts: 0, brokerCounter: 0, route: "fl" },
  order: null,
};

/** A text of the same length for the release before, where none was given. */
const older = new WeakMap<Uint8Array, Uint8Array>();
function olderThan(payload: Uint8Array): Uint8Array {
  let before = older.get(payload);
  if (before === undefined) {
    before = payload.slice();
    before[0] = before[0]! ^ 1;
    older.set(payload, before);
  }
  return before;
}
