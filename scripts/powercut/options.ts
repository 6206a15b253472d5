import { parseArgs } from "node:util";
import { boards } from "../../boards/index.ts";
import { type FlowName, flowNames } from "./flows.ts";

export interface Options {
  boards: string[];
  flows: FlowName[];
  seed: number;
  /** most cuts of each flow and board on the whole board, spread over the flow; 0 = all */
  limit: number;
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
  --limit n      at most n cuts of each flow and board, spread over it; default all
  --journal n    cuts of the journal alone, for each board; default 60000
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
  return {
    boards: one("board", values.board, Object.keys(boards)),
    flows: one("flow", values.flow, flowNames),
    seed: whole("seed", values.seed, 1),
    limit: whole("limit", values.limit, 0),
    journalCuts: whole("journal", values.journal, isNarrow ? 0 : 60_000),
    jobs: Math.max(1, whole("jobs", values.jobs, 2)),
    replay: values.replay ?? null,
    json: values.json ?? false,
  };
}
