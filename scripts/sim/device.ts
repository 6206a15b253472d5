import { SimBoard, type SimBoardOptions } from "./board/simBoard.ts";
import type { SimClock, SimTimer } from "./clock.ts";
import { seededRandom } from "./random.ts";

/** Many boards in one process. */
export interface Fleet {
  boards: SimBoard[];
  byName(name: string): SimBoard | undefined;
  /** Takes the power from all boards and forgets those not yet started. */
  stop(): void;
}

/** Makes boards and switches them on one after the other, so that they do not all speak in the same millisecond.
 *  @param options one entry per board; clock and net of `shared` are used where an entry has none
 *  @param shared.spreadMs all are on after so long; default 2,000 */
export function startFleet(
  options: readonly (Omit<SimBoardOptions, "clock"> & { clock?: SimClock })[],
  shared: { clock: SimClock; spreadMs?: number; seed?: number } & Pick<SimBoardOptions, "net">,
): Fleet {
  const random = seededRandom(shared.seed ?? 1);
  const spreadMs = shared.spreadMs ?? 2000;
  const boards = options.map(
    (one, i) =>
      new SimBoard({ net: shared.net, clock: shared.clock, name: `board-${i + 1}`, ...one }),
  );
  const starts: SimTimer[] = boards.map((board) =>
    shared.clock.after(random() * spreadMs, () => board.powerOn()),
  );
  return {
    boards,
    byName: (name) => boards.find((board) => board.name === name),
    stop() {
      for (const start of starts) start.cancel();
      for (const board of boards) board.powerOff();
    },
  };
}
