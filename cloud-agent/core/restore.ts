/** What an agent that was restored from a backup has to do before it serves anybody: what it reserved after the backup is
 *  in use out there, and it does not know of it. */
import type { Tx } from "../storage/store.ts";
import { holdLeases } from "./leases.ts";
import { devicesPerReadMax } from "./limits.ts";

const sinceName = "challengesSinceS";

/** Raises every reservation: sessions end, so that no send counter is used twice; challenges from before are refused, so
 *  that no recorded PROVE opens a session again; and no leaf is leased before the desks have told what they hold. */
export async function raiseReservations(tx: Tx, nowMs: number): Promise<void> {
  let after: string | undefined;
  for (;;) {
    const page = await tx.devices({ after, limit: devicesPerReadMax });
    for (const { serial } of page) await tx.deleteSession(serial);
    after = page.at(-1)?.serial;
    if (page.length < devicesPerReadMax) break;
  }
  await tx.putMeta(sinceName, String(Math.floor(nowMs / 1000) + 1));
  await holdLeases(tx);
  const text = "Restored from a backup: sessions ended, older challenges refused, leases held.";
  await tx.appendEvent({ kind: "reservationsRaised", text }, nowMs);
}

/** Challenges of before this second are not accepted; 0 when there never was a restore. */
export async function challengesSinceS(tx: Tx): Promise<number> {
  return Number((await tx.meta(sinceName)) ?? 0);
}
