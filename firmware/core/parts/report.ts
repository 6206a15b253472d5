import { Rec } from "../../flash/journal.ts";
import { fieldLimit } from "../../protocol/limits.ts";
import { Msg, SlotState } from "../../protocol/messages.ts";
import type { Kit } from "../kit.ts";
import { readSlots } from "../slots.ts";
import { AppEvent, type ClientState } from "./client.ts";

/** The CHECKIN message as it stands now. Source: SPEC.md §4.2 */
export default (k: Kit) =>
  (c: ClientState): any[] => {
    const slots = readSlots(k);
    // An installed image that has not started yet is the active slot, but the old one still runs.
    const old = slots[5] && k.state !== SlotState.Trial;
    const running = k.slot(slots, old);
    const other = k.slot(slots, !old);
    const failed = k.get(Rec.Failed);
    const download = k.get(Rec.Download);
    const settings = k.get(Rec.Settings);
    const i: any = {
      1: running ? running[0] : 0,
      2: running ? k.cut(running[3], 0, 8) : new Uint8Array(8),
      3: k.state,
      4: slots[3],
      5: other ? other[0] : 0,
      6: other ? 1 : 0,
      7: c.life[2],
      8: k.resetReason,
    };
    if (failed) {
      i[9] = [failed[0], failed[1], failed[2], failed[4], failed[5], failed[6]];
      if (failed[7]) i[24] = failed[7];
    }
    if (download) i[10] = [download[0], download[5], download[1]];
    i[11] = c.life[0];
    i[12] = process.version;
    i[13] = settings ? settings[0] : 0;
    i[14] = slots[4];
    if (c.refusal) i[15] = c.refusal;
    if (c.bad) i[16] = c.bad;
    if (k.state === SlotState.Trial && ((running![7] || {}) as Record<number, unknown>)[fieldLimit])
      i[20] = slots[6];
    if (BOARD.wifi && k.off) i[27] = k.off;
    const gathered = c.app(AppEvent.Report, c, i) || [{}, {}];
    return [Msg.CheckIn, i, gathered[0], gathered[1]];
  };
