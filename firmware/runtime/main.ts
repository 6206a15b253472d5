import type { Kit } from "../core/kit.ts";
import { AppEvent, type ClientState } from "../core/parts/client.ts";
import type { State } from "../core/parts/state.ts";
import { Part } from "../core/parts.ts";
import { readSlots } from "../core/slots.ts";
import { Rec } from "../flash/journal.ts";
import { watchIdle } from "../hal/measure.ts";
import { Code } from "../protocol/errors.ts";
import { Lifecycle, SlotState } from "../protocol/messages.ts";
import type { App } from "./app.ts";
import { type Gathered, noteMetric, report, sample } from "./vitals.ts";

const minuteMs = 60_000;
const calmMinutes = 5;

/** The runtime in a slot: starts the app once the device is claimed, confirms a trial, tells vitals.
 *  @param makeApp evaluates the customer's module */
export default (k: Kit, makeApp: () => App): void => {
  const app = makeApp();
  let gathered: Gathered = [{}, {}];
  let started = false;
  let changed: (() => void) | null = null;

  const startApp = () => {
    if (started) return;
    started = true;
    app.start({
      serial: k.serial,
      metric: (name, value) => noteMetric(gathered, app.metrics || [], name, value),
      setting(name) {
        const s = k.get(Rec.Settings);
        return s ? s[1][name] : undefined;
      },
      onSettings(fn) {
        changed = fn;
      },
    });
  };
  const on = (event: AppEvent, client: ClientState): any => {
    switch (event) {
      case AppEvent.Report:
        return report(gathered, readSlots(k), client);
      case AppEvent.Reply:
        gathered = [{}, {}];
        // The cloud was reached and the app says it is well: that is what a trial asks for.
        if (k.state === SlotState.Trial && (!app.healthy || app.healthy())) {
          (k.part(Part.State) as State).confirm();
          k.part(Part.Client)(client).checkIn();
        }
        break;
      case AppEvent.Claimed:
        startApp();
        break;
      case AppEvent.Settings:
        if (changed) changed();
        break;
      case AppEvent.Ready:
        return !app.readyToReboot || app.readyToReboot();
      case AppEvent.Wipe:
        app.regions.forEach((r) => {
          if (r.clear) r.clear();
        });
    }
  };
  if (BOARD.probe) watchIdle();
  let minutes = 0;
  k.h.every(() => {
    minutes++;
    sample(gathered);
    if (k.state !== SlotState.Trial) {
      if (minutes === calmMinutes) (k.part(Part.State) as State).calm();
    } else spendMinute(k);
  }, minuteMs);
  k.part(Part.Connect)(on);
  const life = k.get(Rec.Life);
  if (life && life[0] === Lifecycle.Operating) startApp();
};

/** A minute of a trial has passed: the count is kept in flash, so that a restart does not give it back. */
function spendMinute(k: Kit): void {
  const slots = readSlots(k);
  slots[6]--;
  k.put(Rec.Slots, slots);
  if (slots[6] > 0) return;
  (k.part(Part.State) as State).leave(Code.TrialDeadline, "");
  k.restart(Code.TrialDeadline);
}
