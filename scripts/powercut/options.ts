import { parseArgs } from "node:util";
import { boards } from "../../boards/index.ts";
import { type FlowName, flowNames, flowsOf } from "./flows.ts";

export interface Options {
  boards: string[];
  flows: FlowName[];
  seed: number;
  /** further draws of the models whose bits are drawn */
  draws: number;
  /** most cuts of each flow and journal on the core alone, spread over it; 0 = all */
  limit: number;
  /** cuts of each flow on the whole board, spread over it */
  boardCuts: number;
  /** double cuts of each flow on the smallest board; 0 = neither these nor repeated ones */
  doubles: number;
  /** places of each flow at which its journal changes halves; null = as many as its board and length bear */
  places: number | null;
  /** cuts of the journal alone, for each board */
  journalCuts: number;
  jobs: number;
  replay: string | null;
  json: boolean;
}

export const usage = `npm run powercut -- [options]
  --board id     one board only: ${Object.keys(boards).join(", ")}
  --flow name    one flow only: ${flowNames.join(", ")}
  --seed n       draws other torn bits; default 1
  --draws n      draws so many more torn bits for each cut; default 0
  --limit n      at most n cuts of each flow by its TypeScript, spread over it; default all
  --whole n      cuts of each flow on the whole board with the shipped texts; default 12, 0 for none
  --places n     plays each flow also with its journal changing halves at n places, 0 to 3; default 3 on the smallest
                 board, none on the others: 1 there takes two minutes more
  --doubles n    double cuts of each flow on the smallest board; default 400
  --journal n    cuts of the journal alone, for each board; default 12000
  --jobs n       threads; default 2
  --replay id    plays one cut again and tells what happens
  --json         the last line only`;

/** Reads the command line. @throws Error with one sentence */
export function readOptions(args: string[]): Options {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args,
    options: {
      ...{ board: text, flow: text, seed: text, limit: text, journal: text, jobs: text },
      ...{ draws: text, whole: text, doubles: text, places: text },
      ...{ replay: text, json: { type: "boolean" } },
    },
  });
  const whole = (name: string, value: string | undefined, otherwise: number) => {
    if (value === undefined) return otherwise;
    if (/^\d{1,9}$/.test(value)) return Number(value);
    throw new Error(`--${name}: expected a whole number, got ${value}`);
  };
  const one = <T extends string>(name: string, value: string | undefined, all: readonly T[]) => {
    if (value === undefined) return [...all];
    if (all.includes(value as T)) return [value as T];
    throw new Error(`--${name}: expected one of ${all.join(", ")}, got ${value}`);
  };
  const isNarrow = values.flow !== undefined;
  const ids = one("board", values.board, Object.keys(boards));
  const flows = one("flow", values.flow, flowNames);
  const isPlayed = ids.some((id) => flowsOf(boards[id]!).some((name) => flows.includes(name)));
  if (!isPlayed) throw new Error(`--flow: the plan of ${ids} does not promise ${flows}`);
  return {
    boards: ids,
    flows,
    seed: whole("seed", values.seed, 1),
    draws: whole("draws", values.draws, 0),
    limit: whole("limit", values.limit, 0),
    boardCuts: whole("whole", values.whole, 12),
    doubles: whole("doubles", values.doubles, 400),
    places: values.places === undefined ? null : whole("places", values.places, 0),
    journalCuts: whole("journal", values.journal, isNarrow ? 0 : 12_000),
    jobs: Math.max(1, whole("jobs", values.jobs, 2)),
    replay: values.replay ?? null,
    json: values.json ?? false,
  };
}
