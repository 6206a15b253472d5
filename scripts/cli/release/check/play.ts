/** One life of a release's image on a simulated board, in virtual time: born, claimed, left alone, and offered the next
 *  release, which is the same app under the next number. */
import { boards } from "../../../../boards/index.ts";
import { Code } from "../../../../firmware/protocol/errors.ts";
import { errorTexts } from "../../../../firmware/protocol/errorTexts.ts";
import { Lifecycle, SlotState } from "../../../../firmware/protocol/messages.ts";
import { variablesOf } from "../../../sim/board/processLib.ts";
import { Realm } from "../../../sim/board/realm.ts";
import { SimulatedDevice } from "../../../testkit/device.ts";
import { bornSequence, type Flashable, plainText, workbenchOf } from "../../../testkit/factory.ts";
import { textEnd } from "../../build/image.ts";
import { variableBars } from "./bars.ts";
import { countVariables } from "./variables.ts";

/** What is played. Texts have one character per byte. */
export interface Candidate extends Flashable {
  /** id of a board file */
  board: string;
  /** bytes of the framework's function in the image, which a board with nearly no app is made from; null: not known, so
   *  variables are not counted */
  runtimeBytes: number | null;
  trialMinutes: number;
}

export interface Outcome {
  isUpdatable: boolean;
  /** what was seen, in a sentence */
  seen: string;
}

const checkInS = 60;
const claimMs = 600_000;
const calmMs = 3_600_000;
/** A day, which the app may hold a restart for, and two hours for the rest. */
const updateMs = 26 * 3_600_000;
/** Processor's time for each of the three, so that the whole is bounded; an app that works without a pause needs most of it. */
const claimCpuMs = 4000;
const calmCpuMs = 2000;
const updateCpuMs = 6000;
/** The host's time that one event may take: some fifty times what the longest of the core's own needs, a signature, so
 *  that a busy host is not taken for a loop without end. A board's watchdog waits as long, at a hundredth of the speed. */
const eventMsMax = 5000;
/** Where the board's budget does not say. */
const erasesPerCheckIn = 0.05;
const nextSequence = bornSequence + 1;
const smallestApp = "function(){return{start:function(){},regions:[]}}";

/** Plays it. @throws never for anything that the app does */
export async function playUpdate(candidate: Candidate): Promise<Outcome> {
  const stage = new Stage(candidate);
  const { device } = stage;
  const refuse = (seen: string): Outcome => ({
    isUpdatable: false,
    seen: stage.hangWords() ?? seen,
  });
  device.powerOn();
  device.cloud.lifecycle = Lifecycle.ClaimPending;
  const isClaimed = () => device.checkIns.at(-1)?.info.lifecycle === Lifecycle.Operating;
  if (!stage.until(isClaimed, claimMs, claimCpuMs)) {
    return refuse(`it was not claimed within ${stage.minutes()} minutes: ${stage.facts()}`);
  }
  const fault = stage.calm();
  if (fault || stage.hangWords()) return refuse(fault ?? "");
  const share = candidate.runtimeBytes === null ? null : await appVariables(candidate, stage);
  if (share !== null && share.taken > share.room) {
    return refuse(
      `after ${stage.minutes()} minutes the app held about ${share.taken} variables; with the ${share.own} that core ` +
        `and framework need for an update, a board of ${share.all} has room for ${share.room}`,
    );
  }
  const { updates, link } = device.board;
  if (updates === "cable" && link === "mqtt") {
    const seen = `ran for ${stage.minutes()} minutes; its updates come by a cable, which was not tried`;
    return { isUpdatable: true, seen };
  }
  return stage.update(candidate, share?.taken ?? null) ?? refuse(stage.failure());
}

/** What the app alone holds: its board's variables less those of one with nearly no app. */
async function appVariables(candidate: Candidate, stage: Stage) {
  const { imageText, runtimeBytes } = candidate;
  const end = imageText.indexOf(textEnd);
  const runtime = imageText.slice(0, runtimeBytes! + 1);
  const behind = end < 0 ? "" : imageText.slice(end);
  const bare = new Stage({ ...candidate, imageText: `${runtime},${smallestApp}]${behind}` });
  bare.device.powerOn();
  bare.device.cloud.lifecycle = Lifecycle.ClaimPending;
  bare.until(() => bare.device.checkIns.length > 3, claimMs, claimCpuMs);
  const roots = [stage, bare].map(({ realm }) => realm!.builtins.Object.prototype);
  const [own, least] = await countVariables(roots);
  bare.device.powerOff();
  const board = boards[candidate.board]!;
  const [idle, peak] = variableBars[board.link];
  const needed = board.updates === "anywhere" ? peak : idle;
  const all = variablesOf(board);
  return { taken: Math.max(0, own! - least!), own: needed, all, room: Math.max(0, all - needed) };
}

/** One board and what happens on it. */
class Stage {
  readonly device: SimulatedDevice;
  /** the JavaScript world of its present life */
  realm: Realm | null = null;
  readonly #bench: ReturnType<typeof workbenchOf>;
  readonly #startMs: number;
  #hangs = 0;

  constructor(candidate: Candidate) {
    this.#bench = workbenchOf(candidate, candidate.board);
    this.device = new SimulatedDevice(
      this.#bench,
      { board: candidate.board, checkInS, hostLimitMs: eventMsMax },
      {
        wallLimitMs: eventMsMax,
        detokenise: plainText,
        makeWorld: (host) => {
          this.realm = new Realm(host, plainText);
          return this.realm;
        },
      },
    );
    this.#startMs = this.device.nowMs;
    this.device.sim.onEvent((event) => {
      const isHang =
        event.kind === "ended" && (event.cause === "watchdog" || event.cause === "hung");
      if (isHang) this.#hangs++;
    });
  }

  /** Lets time pass until something is so, the board hangs, or one of both limits is reached. @returns whether it is so */
  until(isSo: () => boolean, limitMs: number, cpuMsMax: number): boolean {
    const endMs = this.device.nowMs + limitMs;
    const cpuStart = cpuMs();
    while (!isSo()) {
      const leftMs = endMs - this.device.nowMs;
      if (leftMs <= 0 || this.#hangs > 0 || cpuMs() - cpuStart > cpuMsMax) return false;
      this.device.advance(Math.min(1000, leftMs));
    }
    return true;
  }

  /** Virtual minutes since it was switched on. */
  minutes(): number {
    return Math.round((this.device.nowMs - this.#startMs) / 60_000);
  }

  hangWords(): string | null {
    if (this.#hangs === 0) return null;
    const watchdog = this.device.board.watchdog ? ", until the watchdog ended it" : "";
    return `its code did not return for ${eventMsMax} ms of this computer's time, which blocks a board${watchdog}; that was after ${this.minutes()} minutes`;
  }

  /** An hour without orders. @returns what was wrong, null when nothing was */
  calm(): string | null {
    const { device } = this;
    const { flash } = device.sim;
    const before = { ms: device.nowMs, checkIns: device.checkIns.length, image: flash.image() };
    const erases = { count: 0 };
    flash.onOperation = (kind) => {
      if (kind === "erase") erases.count++;
    };
    this.until(() => false, calmMs, calmCpuMs);
    flash.onOperation = null;
    const minutes = (device.nowMs - before.ms) / 60_000;
    const checkIns = device.checkIns.length - before.checkIns;
    const expected = Math.floor((minutes * 60) / checkInS / 2);
    if (checkIns < expected) {
      return `in ${Math.round(minutes)} minutes it checked in ${checkIns} times, where one a minute was agreed: ${this.facts()}`;
    }
    const pages = this.#pagesChanged(before.image);
    if (pages.length > 0) {
      return `it wrote pages ${pages.join(", ")} of its flash, which are slots or core, while nothing was being updated`;
    }
    const perCheckIn = device.board.budget.checkIn?.flashErasesMax ?? erasesPerCheckIn;
    const most = 2 + minutes * perCheckIn * 4;
    if (erases.count > most) {
      return `it erased ${erases.count} pages of its flash in ${Math.round(minutes)} minutes: that wears it out, and fills the journal`;
    }
    return null;
  }

  /** Pages outside the journal that are other than before. */
  #pagesChanged(before: Uint8Array): number[] {
    const { plan, pageBytes } = this.device.board;
    const now = this.device.sim.flash.image();
    const journalEnd = plan.journalPage + 2 * plan.journalHalfPages;
    const changed: number[] = [];
    for (let page = 1; page < plan.totalPages; page++) {
      if (page >= plan.journalPage && page < journalEnd) continue;
      const at = page * pageBytes;
      const is = (image: Uint8Array) => image.subarray(at, at + pageBytes);
      if (Buffer.compare(is(before), is(now)) !== 0) changed.push(page);
    }
    return changed;
  }

  /** Offers the next release. @returns how it went well, null when it did not */
  update(candidate: Candidate, variables: number | null): Outcome | null {
    const { device } = this;
    const { trialMinutes } = candidate;
    const wish = { sequence: nextSequence, floor: bornSequence, trialMinutes, limits: null };
    device.cloud.offer = this.#bench.release(candidate, wish);
    device.cloud.nudge();
    const startMs = device.nowMs;
    const ran = this.minutes();
    const isOver = () => {
      const info = device.checkIns.at(-1)?.info;
      if (!info || info.slotState === SlotState.Trial) return false;
      if (info.runningSequence === nextSequence) return true;
      return info.failed?.sequence === nextSequence || this.#refusal() !== null;
    };
    this.until(isOver, updateMs, updateCpuMs);
    const { runningSequence, slotState } = device.checkIns.at(-1)!.info;
    if (runningSequence !== nextSequence || slotState !== SlotState.Confirmed) return null;
    const minutes = Math.round((device.nowMs - startMs) / 60_000);
    const held = variables === null ? "" : `; the app holds about ${variables} variables`;
    return {
      isUpdatable: true,
      seen: `ran for ${ran} minutes, then took and confirmed the next release in ${minutes}${held}`,
    };
  }

  /** Code of a refusal that does not end by itself. */
  #refusal(): number | null {
    const refused = this.device.checkIns.at(-1)?.info.refused;
    const isPassing = refused?.code === Code.UpdateDeferred || refused?.code === Code.UpdateInCore;
    return refused && refused.sequence === nextSequence && !isPassing ? refused.code : null;
  }

  /** Why the next release is not confirmed. */
  failure(): string {
    const info = this.device.checkIns.at(-1)?.info;
    const failed = info?.failed?.sequence === nextSequence ? info.failed : null;
    if (failed) {
      return `the next release, the same app, did not stay: ${codeWords(failed.code)}${failed.text ? `, "${failed.text}"` : ""}`;
    }
    const refusal = this.#refusal();
    if (refusal !== null) return `the next release was refused: ${codeWords(refusal)}`;
    return `the next release was not confirmed by minute ${this.minutes()}: ${this.facts()}`;
  }

  /** What is to be seen from outside. */
  facts(): string {
    const { device } = this;
    const { sim } = device;
    const last = device.checkIns.at(-1);
    const silentMinutes = last && Math.round((device.nowMs - last.atMs) / 60_000);
    const facts = [
      last ? `its last check-in was ${silentMinutes} minutes ago` : "it never checked in",
      `it restarted ${device.restarts} times`,
    ];
    if (last?.info.slotState === SlotState.Recovery) facts.push("its core runs alone, in recovery");
    const error = device.crashes.at(-1);
    if (error !== undefined) facts.push(`its last error was "${error.slice(0, 120)}"`);
    if (sim.log.some(({ kind }) => kind === "storage-erased"))
      facts.push("its Storage was damaged, and erased at a start");
    const report = device.cloud.reports.at(-1);
    if (report) facts.push(`it last reported ${codeWords(report.code)}`);
    return facts.join("; ");
  }
}

function codeWords(code: number): string {
  const known = errorTexts[code as Code];
  return known ? `${known.name} (${code})` : `code ${code}`;
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
