import type { Kit } from "../../core/kit.ts";
import { Rec } from "../../flash/journal.ts";
import { Code } from "../../protocol/errors.ts";
import { fieldLimit } from "../../protocol/limits.ts";
import type { App } from "../app.ts";

/** Judges an image on trial: vitals inside the manifest's limits, a time of calm since the agent answered, or the word of a
 *  person in the field where the manifest asks for that, and the app well.
 *  @returns (app, vitals as in CHECKIN since the agent's last answer, uptime in ms from which it may be confirmed or 0 while
 *  the agent has not answered, true when the trial's minutes are used up or 2 for the field's word) → [Code.Ok, ""] to
 *  confirm, [code, text] to give it up, null to go on
 *  Source: SPEC.md §9 */
export default (k: Kit) =>
  (app: App, vitals: any, confirmAtMs: number, word?: boolean | 2): [Code, string] | null => {
    const limits: any = k.slot(k.get(Rec.Slots))![7] || {};
    let lacks = "";
    if (limits[fieldLimit]) {
      if (word !== 2) lacks = "nobody confirmed it in the field";
    } else if (k.h.ms() < confirmAtMs) lacks = "too short a calm";
    else if (!confirmAtMs) lacks = "no answer of the agent";
    for (const number in limits) {
      const value = vitals[number];
      // What this board does not measure is not judged.
      if (value === undefined) continue;
      const least = Array.isArray(value) ? value[0] : value;
      const most = Array.isArray(value) ? value[1] : value;
      const [min, max] = limits[number];
      const isLow = min !== null && least < min;
      const isHigh = max !== null && most > max;
      if (!isLow && !isHigh) continue;
      const text =
        "vital " + number + " is " + (isLow ? least : most) + ", not " + min + ".." + max;
      // Uptime and answered check-ins begin at nothing: a least value of theirs is waited for.
      if (isHigh || +number < 6 || +number > 8) return [Code.TrialVitals, text];
      lacks = text;
    }
    if (!lacks) {
      const well = app.healthy ? app.healthy() : true;
      if (well === true) return [Code.Ok, ""];
      if (word === true) return [Code.TrialUnhealthy, well || "healthy() said no"];
    }
    return word === true ? [Code.TrialDeadline, lacks] : null;
  };
