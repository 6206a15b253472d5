import type { Kit } from "../core/kit.ts";
import { AppEvent, type AppHook, type ClientState } from "../core/parts/client.ts";
import type { State } from "../core/parts/state.ts";
import { Part } from "../core/parts.ts";
import { readSlots } from "../core/slots.ts";
import { Rec } from "../flash/journal.ts";
import { watchIdle } from "../hal/measure.ts";
import {
  failLogCharsMax,
  metricNameCharsMax,
  metricsMax,
  sunsetPauseMs,
  trialCalmMsMax,
  trialCalmMsMin,
} from "../protocol/limits.ts";
import { Lifecycle, Msg, SlotState } from "../protocol/messages.ts";
import type { App } from "./app.ts";
import { Own } from "./own.ts";
import { SlotPart, slotPart } from "./slotParts.ts";
import { type Gathered, note } from "./vitals.ts";

const minuteMs = 60_000;
const calmMinutes = 5;
/** A quarter of a day without an answer is one count in the life record. */
const quarterMinutes = 360;
/** Uptime after which a trial may be confirmed where nobody is expected to answer. */
const localCalmMs = 600_000;

/** The runtime in a slot: starts the app once the device is claimed, judges a trial, keeps settings, tells vitals.
 *  @param makeApp evaluates the customer's module */
export default (k: Kit, makeApp: () => App): void => {
  const app = makeApp();
  /** since the agent's last answer, and since the last report: readings on the way of an answer must not be lost by it */
  let gathered: Gathered = [{}, {}];
  let fresh = gathered;
  let started = false;
  let changed: (() => void) | null = null;
  /** effective settings by name, and flags by "f." + name */
  let values: any = {};
  /** codes of settings that could not be taken, by name */
  let refused: any = null;
  /** the agent's time at this start, seconds; 0 until it answers */
  let startedS = 0;
  /** when a trial may be confirmed at the earliest; 0 until the agent answers */
  let confirmAtMs = 0;
  let minutes = 0;
  /** minutes without an answer */
  let silent = 0;

  const on: AppHook = (event, client, given, put) => {
    switch (event) {
      case AppEvent.Report:
        if (given) {
          fresh = [{}, {}];
          if (refused) given[23] = refused;
          if (client.life[3]! < 0) {
            given[7] = sunsetPauseMs / 1000;
            given[25] = 1;
          }
        }
        return slotPart(k, SlotPart.Vitals)(gathered, client, note, given);
      case AppEvent.Reply:
        startedS = given[1] - k.h.ms() / 1000;
        silent = 0;
        // After its sunset order an answer does not end the local mode.
        if (client.life[3]! > 0) {
          client.isLocal = false;
          client.life[3] = 0;
          k.put(Rec.Life, client.life);
        }
        if (!BOARD.fixed && k.state === SlotState.Trial) {
          if (!confirmAtMs) {
            let calmMs = client.life[2]! * 1000;
            calmMs =
              calmMs < trialCalmMsMin
                ? trialCalmMsMin
                : calmMs > trialCalmMsMax
                  ? trialCalmMsMax
                  : calmMs;
            confirmAtMs = k.h.ms() + calmMs;
            k.h.after(() => on(AppEvent.Judge, client), calmMs + 1);
          }
          on(AppEvent.Judge, client);
        }
        gathered = fresh;
        break;
      case AppEvent.Judge: {
        if (BOARD.fixed || k.state !== SlotState.Trial) return;
        const vitals = on(AppEvent.Report, client)[0];
        const found = slotPart(k, SlotPart.Trial)(app, vitals, confirmAtMs, given);
        if (!found) return;
        const state: State = k.part(Part.State);
        if (found[0]) {
          state.leave(found[0], found[1]);
          k.restart(found[0]);
        } else {
          state.confirm();
          k.part(Part.Client)(client).checkIn();
        }
        break;
      }
      case Own.Alone:
        // Below zero: by order, for good. Not there: none yet.
        if (client.life[3]! < 0 || client.life[3]! >= (app.localAfterDays || 30) * 4) {
          client.isLocal = true;
          // A trial cannot ask for an answer of nobody.
          if (!confirmAtMs) confirmAtMs = localCalmMs;
        }
        break;
      case AppEvent.Claimed:
        if (started) return;
        started = true;
        app.start({
          serial: k.serial,
          metric(name, value) {
            // Only what the app declares.
            const i = (app.metrics || []).indexOf(name);
            if (i < 0 || i >= metricsMax || name.length > metricNameCharsMax)
              throw "metric " + name + " is not declared";
            note(gathered[1], name, value);
            note(fresh[1], name, value);
          },
          log(line) {
            const text = k.log + (k.log && "|") + ("" + line).replace(/[^ -~]/g, "?");
            k.log = text.slice(-failLogCharsMax);
          },
          confirm: () => on(AppEvent.Judge, c, 2),
          setting: (name) => values[name],
          onSettings(fn) {
            changed = fn;
          },
          flag(name) {
            const until = values["f." + name];
            if (typeof until !== "number") return until === true;
            const life = c.life;
            const nowS = startedS + k.h.ms() / 1000;
            // Before the agent's answer it is the uptime alone, which no floor is below.
            if ((nowS > life[1]! ? nowS : life[1]!) < until) return true;
            // The time that is known after the next start must not switch it on again.
            if (life[1]! < until) {
              life[1] = Math.floor(nowS);
              k.put(Rec.Life, life);
            }
            return false;
          },
        });
        break;
      case AppEvent.Order:
        if (given && given[0] !== Msg.Settings) {
          if (given[0] !== Msg.Keys)
            slotPart(k, given[3] && app.commands ? SlotPart.Command : SlotPart.Orders)(
              client,
              given,
              app,
              startedS,
            );
          else if (!client.update) client.update = slotPart(k, SlotPart.Keys)(client, given);
          return;
        }
        [values, refused] = slotPart(k, SlotPart.Settings)(app.settings || {}, given);
        if (!given) return;
        if (changed) changed();
        // The owner sees at once what became of the wish.
        k.part(Part.Client)(client).checkIn();
        break;
      case AppEvent.Ready:
        return BOARD.fixed || !app.readyToReboot || app.readyToReboot();
      case AppEvent.Wipe:
        app.regions.forEach((r) => {
          if (r.clear) r.clear();
        });
        break;
      case AppEvent.Unpack:
        if (!BOARD.fixed && given) slotPart(k, SlotPart.Unpack)(given, put);
        return !BOARD.fixed;
    }
  };
  if (BOARD.probe) watchIdle();
  on(AppEvent.Order, null as any);
  k.h.every(() => {
    minutes++;
    if (++silent % quarterMinutes === 0 && c.life[0] === Lifecycle.Operating && !(c.life[3]! < 0)) {
      c.life[3] = (c.life[3] || 0) + 1;
      k.put(Rec.Life, c.life);
      on(Own.Alone, c);
    }
    if (BOARD.fixed || k.state !== SlotState.Trial) {
      on(AppEvent.Report, c);
      if (minutes === calmMinutes) (k.part(Part.State) as State).calm();
      return;
    }
    // The count is kept in flash, so that a restart does not give a minute back.
    const slots = readSlots(k);
    slots[6]--;
    k.put(Rec.Slots, slots);
    on(AppEvent.Judge, c, slots[6] <= 0);
  }, minuteMs);
  const c: ClientState = k.part(Part.Connect)(on);
  on(Own.Alone, c);
  if (c.life[0] === Lifecycle.Operating) on(AppEvent.Claimed, c);
};
