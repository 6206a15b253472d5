/** Whom a release's downgrade ticket is for. */
import { Code } from "../../../firmware/protocol/errors.ts";
import type { ReleaseRecord } from "../records.ts";

/** What a ticket is held against: a device, as it reported itself. */
export interface Backward {
  /** hex */
  classId: string;
  floor: number;
  runningSequence: number;
}

/** True where a device needs the ticket and may take it: its floor is the ticket's, and without the ticket the release
 *  would be too old for it. Pure. */
export function ticketApplies(release: ReleaseRecord, device: Backward): boolean {
  const { sequence, ticket, images } = release;
  const isBack = sequence < device.floor || sequence < device.runningSequence;
  const image = images.find(({ classId }) => classId === device.classId);
  return isBack && ticket?.floor === device.floor && image?.ticket !== undefined;
}

/** True for refusals that a ticket for the device's floor never gets: what was refused was another envelope of the release,
 *  some time before. */
export function isFloorRefusal(code: number): boolean {
  return (
    code === Code.SequenceBelowFloor || code === Code.SequenceNotNewer || code === Code.TicketFloor
  );
}

/** "; its downgrade ticket is for floor 9, the device's floor is 10", nothing where there is no ticket. */
export function ticketWords({ ticket }: ReleaseRecord, device: Backward): string {
  if (!ticket) return "";
  const own = ticket.floor === device.floor ? "" : `, the device's floor is ${device.floor}`;
  return `; its downgrade ticket is for floor ${ticket.floor}${own}`;
}
