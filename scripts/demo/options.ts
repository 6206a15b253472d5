import { parseArgs } from "node:util";

/** What the demo was asked for. */
export interface DemoOptions {
  /** leaves agent and fleet running at the end, until Ctrl-C */
  keep: boolean;
  /** drives start order, sensor noise and which devices lose power; keys are always fresh */
  seed: number;
  /** plain lines even on a terminal */
  plain: boolean;
}

export const help = `npm run demo [-- options]

Plays one life of a fleet on 51 simulated devices of three board kinds: birth, claim, vitals, a staged
update with power losses and a killed agent, a bad release that is caught and taken back, forged
releases, and a wipe with its certificate. Agent, gateway, broker, database, keys and signatures are
real; the devices run the built code from simulated flash. Takes about a minute and a half.

  --keep        leave agent and fleet running at the end and print address and token, until Ctrl-C
  --seed <n>    other start order, noise and victims of power loss (default 1)
  --plain       plain lines, also on a terminal
  -h, --help    this text

The last line of standard output is one JSON object. Exit code: 0 when every figure in it is right,
1 when one is wrong, 2 for a wrong option.
`;

/** Reads the command line.
 *  @returns options; "help"; or a sentence about what is wrong */
export function readOptions(args: string[]): DemoOptions | "help" | { wrong: string } {
  try {
    const { values } = parseArgs({
      args,
      options: {
        keep: { type: "boolean", default: false },
        seed: { type: "string", default: "1" },
        plain: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return "help";
    if (!/^\d{1,9}$/.test(values.seed)) {
      return { wrong: `--seed: expected a whole number of at most 9 digits, got "${values.seed}"` };
    }
    return { keep: values.keep, seed: Number(values.seed), plain: values.plain };
  } catch (error) {
    return { wrong: (error as Error).message };
  }
}
