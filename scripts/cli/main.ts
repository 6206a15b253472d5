import { readFileSync } from "node:fs";
import { Command } from "commander";
import { commandLineWords, explained, isTold } from "./explain.ts";

const packageFile = new URL("../../package.json", import.meta.url);

/** In the order of the help text: where commands live, and the first words that they answer to. */
const groups: { words: string[]; load: () => Promise<{ register(program: Command): void }> }[] = [
  { words: ["new"], load: () => import("./new/command.ts") },
  { words: ["boards"], load: () => import("./boards/command.ts") },
  { words: ["keys"], load: () => import("./keys/command.ts") },
  { words: ["km"], load: () => import("./km/command.ts") },
  { words: ["build"], load: () => import("./build/command.ts") },
  { words: ["release"], load: () => import("./release/command.ts") },
  { words: ["rollout"], load: () => import("./rollout/command.ts") },
  { words: ["agent"], load: () => import("./agent/command.ts") },
  { words: ["gateway"], load: () => import("../gateway/command.ts") },
  { words: ["verify-wipe"], load: () => import("./verify-wipe/command.ts") },
  { words: ["device"], load: () => import("./device/command.ts") },
  { words: ["export", "import", "erase"], load: () => import("./data/command.ts") },
  { words: ["filter"], load: () => import("./filter/command.ts") },
  { words: ["vitals"], load: () => import("./vitals/command.ts") },
  { words: ["alert"], load: () => import("./alert/command.ts") },
  { words: ["outbox"], load: () => import("./outbox/command.ts") },
  { words: ["hook"], load: () => import("./hook/command.ts") },
  { words: ["reconcile"], load: () => import("./reconcile/command.ts") },
  { words: ["product"], load: () => import("./product/command.ts") },
  { words: ["quality", "hold", "rma"], load: () => import("./quality/command.ts") },
  { words: ["token"], load: () => import("./token/command.ts") },
  { words: ["audit"], load: () => import("./audit/command.ts") },
  { words: ["rehearse"], load: () => import("./rehearse/command.ts") },
];

/** The `fleetling` command with its subcommands. Each lives in its folder and registers itself.
 *  @param word the command that will run: only its code is loaded, which is most of a short command's time. Omitted, or
 *   no command's: all, for the help text and the suggestions. */
export async function createProgram(word?: string): Promise<Command> {
  const program = new Command("fleetling")
    .description("Build, sign, ship and look after firmware of Espruino-class devices")
    .version(JSON.parse(readFileSync(packageFile, "utf8")).version)
    .showHelpAfterError("Try --help.")
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(commandLineWords(text)) });
  const wanted = groups.filter(({ words }) => word !== undefined && words.includes(word));
  for (const group of wanted.length > 0 ? wanted : groups) (await group.load()).register(program);
  return program;
}

/** Runs one command line; whatever stops it is told on standard error.
 *  @param words without the program's name
 *  @returns exit code */
export async function run(words: readonly string[]): Promise<number> {
  try {
    const program = await createProgram(words[0]);
    await program.parseAsync(words, { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (isTold(error)) return error.exitCode;
    process.stderr.write(`${explained(error) ?? (error as Error)?.stack ?? error}\n`);
    return 1;
  }
}
