import type { Kit } from "../core/kit.ts";
import type { Client } from "../core/parts/client.ts";
import { Part } from "../core/parts.ts";
import type { SlotsRecord } from "../core/slots.ts";
import { Rec } from "../flash/journal.ts";
import { Code } from "../protocol/errors.ts";
import { Lifecycle, SlotState } from "../protocol/messages.ts";
import type { App } from "./app.ts";
import { gatherVitals } from "./vitals.ts";

const minuteMs = 60_000;
const calmMinutes = 5;

/** The runtime in a slot: starts the app once the device is claimed, confirms a trial, tells vitals.
 *  @param makeApp evaluates the customer's module */
export default (k: Kit, makeApp: () => App): void => {
  const app = makeApp();
  const vitals = gatherVitals(k, app.metrics || []);
  let started = false;
  let changed: (() => void) | null = null;

  const startApp = () => {
    if (started) return;
    started = true;
    app.start({
      serial: k.id.serial,
      metric: vitals.metric,
      setting(name: string) {
        const s = k.j.get(Rec.Settings);
        return s ? s[1][name] : undefined;
      },
      onSettings(fn: () => void) {
        changed = fn;
      },
    });
  };
  const client: Client = k.part(Part.Client)({
    vitals: () => vitals.vitals(client),
    metrics: vitals.metrics,
    reply() {
      vitals.clear();
      // The cloud was reached and the app says it is well: that is what a trial asks for.
      if (k.state === SlotState.Trial && (!app.healthy || app.healthy())) {
        k.confirm();
        client.checkIn();
      }
    },
    claimed: startApp,
    settings() {
      if (changed) changed();
    },
    ready: () => !app.readyToReboot || app.readyToReboot(),
    wipe() {
      app.regions.forEach((r) => {
        if (r.clear) r.clear();
      });
    },
  });
  let minutes = 0;
  k.h.every(minuteMs, () => {
    minutes++;
    if (k.state !== SlotState.Trial) {
      if (minutes === calmMinutes) k.calm();
      return;
    }
    const left = k.slots[6] - 1;
    k.slots[6] = left;
    if (left <= 0) k.leave(Code.TrialDeadline, "");
    else if (left % 5 === 0) k.putSlots(k.slots.slice() as SlotsRecord);
  });
  const life = k.j.get(Rec.Life);
  if (life && life[0] === Lifecycle.Operating) startApp();
};
