/** Command line of the bench. */
export const help = `npm run bench:rollouts [-- options]

Plays seeded rollouts of a simulated fleet through the agent's own rollout engine in virtual time:
1,000 devices of three boards, a canary of 100, 48 h of soak. Four planted defects have to be caught
before wave 2 in at least 95 of 100 seeds, and at most 5 of 100 harmless releases may be halted.
The fleet's figures and their sources are in scripts/sim/field/model.ts. Last it rehearses a rollout to
10,000 devices over 7 days, which has to take less than 60 s on two cores that do nothing else.

  --seeds <n>      seeds for each defect and for harmless releases (default 200); a quarter for rows
                   without a bar
  --first <n>      first seed (default 1)
  --only <text>    only rows whose name contains this
  --bar            leave out the rows without a bar
  --reasons        print the reason of each halt that was false and of each defect that was missed
  -h, --help       this text

Examples
  npm run bench:rollouts
  npm run bench:rollouts -- --seeds 20 --only leak --reasons
  npm run bench:rollouts -- --only rehearsal

The last line of standard output is one JSON object. Exit code: 0 when every bar holds, 1 when one does
not, 2 for a wrong option.
`;

export interface BenchOptions {
  seeds: number;
  first: number;
  only: string;
  isBarOnly: boolean;
  isTellingReasons: boolean;
}

/** @returns "help", the options, or what is wrong with them */
export function readOptions(args: string[]): BenchOptions | "help" | { wrong: string } {
  const options: BenchOptions = {
    seeds: 200,
    first: 1,
    only: "",
    isBarOnly: false,
    isTellingReasons: false,
  };
  const rest = [...args];
  for (;;) {
    const flag = rest.shift();
    if (flag === undefined) return options;
    if (flag === "-h" || flag === "--help") return "help";
    if (flag === "--bar") options.isBarOnly = true;
    else if (flag === "--reasons") options.isTellingReasons = true;
    else if (flag === "--only") options.only = rest.shift() ?? "";
    else if (flag === "--seeds" || flag === "--first") {
      const text = rest.shift();
      const number = Number(text);
      if (!Number.isInteger(number) || number < 1 || number > 1_000_000) {
        return { wrong: `${flag}: expected a whole number from 1 to 1,000,000, got ${text}` };
      }
      options[flag === "--seeds" ? "seeds" : "first"] = number;
    } else return { wrong: `unknown option ${flag}` };
  }
}
