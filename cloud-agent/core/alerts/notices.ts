import { grownFactor, remindMs, tellAfterMs } from "./limits.ts";
import type { AlertRecord, Notice, NoticeKind } from "./types.ts";

/** What has to be told of an alert now. What was told is noted in it, and both are stored together: nothing is told twice
 *  and nothing is left out, whenever the agent is stopped. Pure. */
export function noticesOf(
  alert: AlertRecord,
  steadyMs: number,
): { alert: AlertRecord; notices: Notice[] } {
  const kind = dueNotice(alert, steadyMs);
  if (kind === null) return { alert, notices: [] };
  const told = {
    isFired: true,
    isResolved: kind === "alert.resolved",
    count: Math.max(alert.count, alert.told.count),
    lastSteadyMs: steadyMs,
  };
  const noted = { ...alert, told };
  return { alert: noted, notices: [{ kind, alert: noted }] };
}

function dueNotice(alert: AlertRecord, steadyMs: number): NoticeKind | null {
  const { told } = alert;
  if (alert.state === "closed") {
    return told.isFired && !told.isResolved ? "alert.resolved" : null;
  }
  if (alert.silencedBy !== null || alert.ack !== null) return null;
  if (!told.isFired) {
    return steadyMs - alert.startedSteadyMs >= tellAfterMs ? "alert.fired" : null;
  }
  if (alert.count >= told.count * grownFactor) return "alert.grown";
  return steadyMs - told.lastSteadyMs >= remindMs ? "alert.reminded" : null;
}
