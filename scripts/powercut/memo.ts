import { Touch } from "../sim/flash/norFlash.ts";
import type { Bench } from "./bench.ts";
import type { Finding } from "./judge.ts";

/** Of so many cuts whose end is known, one is played to its end all the same. */
const auditEvery = 32;
/** Ends kept of one flow; the flow that comes next begins anew. */
const endsMax = 20_000;

/** How a device went on from its start, and what of its flash that depended on. */
interface End {
  /** of each page that it used before it erased it, as it stood at its start; "" = it did not look */
  looked: string[];
  findings: Finding[];
  /** of each page that it touched, at its end */
  left: string[];
}

/** A device that has started and is about to go on. */
export interface Going {
  /** the end of an equal one; null = none was played, or this one is played to hold it against that */
  findings: Finding[] | null;
  /** Takes the end of a device that was played on. @returns what is wrong with it beside its findings */
  ended(findings: Finding[]): Finding[];
}

/** Ends of one flow by what stood when the device had started. Two cuts are equal when the core's memory, the cloud, the
 *  clock and every page that the first one looked at before erasing it are: then so is all that follows. That the core keeps
 *  nothing else in memory is held by audits: some of them are played to the end, which has to be the same. */
export class Memo {
  /** devices that were played to their end, audits among them */
  played = 0;
  #flow = "";
  #count = 0;
  #hits = 0;
  readonly #ends = new Map<string, End[]>();
  readonly #auditEvery: number;

  constructor(every = auditEvery) {
    this.#auditEvery = every;
  }

  /** Looks for an equal one and, where there is none, watches what this one looks at.
   *  @param flow another one than before forgets all ends
   *  @param bench started, and its start judged */
  going(flow: string, bench: Bench): Going {
    const { flash } = bench.sim;
    const alone: Going = { findings: null, ended: () => [] };
    this.played++;
    // What has already gone wrong would be told for one of them only.
    if (!bench.kit || flash.violations.length) return alone;
    if (flow !== this.#flow || this.#count > endsMax) this.#forget(flow);
    const key = keyOf(bench);
    const prints = flash.pagePrints();
    const ends = this.#ends.get(key) ?? [];
    const known = ends.find(({ looked }) => looked.every((p, i) => p === "" || p === prints[i]));
    if (known && ++this.#hits % this.#auditEvery) {
      this.played--;
      return { ...alone, findings: known.findings };
    }
    flash.watchPages();
    const isUnstable = prints.map((_, i) => flash.isUnstablePage(i));
    return {
      findings: null,
      ended: (findings) => {
        const touched = flash.touched!;
        flash.touched = null;
        const after = flash.pagePrints();
        const left = after.map((print, i) => (touched[i] === Touch.None ? "" : print));
        if (known) return differences(known, { findings, left });
        const looked = prints.map((print, i) => (touched[i] === Touch.Used ? print : ""));
        // What weak bits read as is drawn for each cut.
        if (looked.some((print, i) => print && isUnstable[i])) return [];
        ends.push({ looked, findings, left });
        this.#ends.set(key, ends);
        this.#count++;
        return [];
      },
    };
  }

  #forget(flow: string): void {
    this.#flow = flow;
    this.#count = 0;
    this.#ends.clear();
  }
}

/** All that a device's way depends on beside its flash. */
function keyOf({ kit, peer, clock, sim }: Bench): string {
  const { js, serial, image, resetReason, state, boot, off, log } = kit!;
  const memory = [js, serial, image.length, resetReason, state, boot, off, log];
  // A session died with the memory of the device.
  const cloud = { ...peer.state, session: null };
  return JSON.stringify([memory, cloud, clock.nowMs(), sim.starts, sim.reboots, sim.running]);
}

function differences(known: End, { findings, left }: Pick<End, "findings" | "left">): Finding[] {
  const isSame = JSON.stringify([known.findings, known.left]) === JSON.stringify([findings, left]);
  return isSame
    ? []
    : [
        {
          outcome: "stuck",
          text: "an end that is not that of an equal device: the sweep is wrong",
        },
      ];
}
